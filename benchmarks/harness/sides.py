"""Starting and speaking to the processes that are measured."""

import json
import os
import pathlib
import subprocess

BENCHMARKS = pathlib.Path(__file__).resolve().parent.parent

# Ends the key of a side that has one thread where others have several.
ONE_THREAD = ", one thread"


class SideError(Exception):
    """A side cannot do it; the message is the reason."""


class Side:
    """One worker process."""

    def __init__(self, python, peer, cores, environment):
        self.peer = peer
        self.process = subprocess.Popen(
            [python, "-m", "harness.worker", peer, ",".join(map(str, cores))],
            cwd=BENCHMARKS, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, **environment})

    def ask(self, do, **arguments):
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SideError(f"the process died (exit {self.process.wait()}) in '{do}'")
        answer = json.loads(line)
        if "error" in answer:
            raise SideError(answer["error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()
