"""One side of a measurement: a process that runs one artifact when told to.

Requests and answers are lines of JSON on stdin and stdout. A process a side
keeps the sides' libraries, thread pools and memory apart; only one of them is
awake at a time.
"""

import importlib
import json
import os
import resource
import sys
import time

BATCH_SECONDS = 0.002


def processor_seconds():
    """Of this process and its children: what other work on the machine does not
    lengthen."""
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


class Side:
    def __init__(self, peer, cores):
        os.sched_setaffinity(0, cores)
        self.peer = importlib.import_module(f"peers.{peer}")

    def prepare(self, variant, workload, folder):
        from peers import calls
        calls.build(folder)  # the measurement's, not the peer's: not timed
        start, used = time.perf_counter(), processor_seconds()
        answer = self.peer.prepare(variant, workload, folder)
        return {"prepare_s": time.perf_counter() - start,
                "prepare_cpu_s": processor_seconds() - used, **answer}

    def load(self, artifact, threads, inputs):
        import numpy as np
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.inputs = dict(np.load(inputs))
        start = time.perf_counter()
        self.runner = self.peer.Runner(artifact, threads)
        self.bind(0)
        self.run(1)
        seconds = time.perf_counter() - start
        # Warm-up: at least 0.1 s and three calls; then the size of a batch.
        calls, start = 0, time.perf_counter()
        while calls < 3 or time.perf_counter() - start < 0.1:
            self.run(1)
            calls += 1
        once = (time.perf_counter() - start) / calls
        self.batch = max(1, round(BATCH_SECONDS / once))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"load_s": seconds, "rss_growth_bytes": (after - before) * 1024,
                **self.runner.memory}

    def bind(self, index):
        self.run = self.runner.bind({n: a[index:index + 1] for n, a in self.inputs.items()})

    def round(self, seconds):
        """The median of batches' seconds per call."""
        run, batch, times = self.run, self.batch, []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            run(batch)
            times.append((time.perf_counter() - start) / batch)
        times.sort()
        return {"seconds": times[len(times) // 2], "min": times[0]}

    def outputs(self, index, path):
        import numpy as np
        self.bind(index)
        self.run(1)
        np.savez(path, *self.runner.outputs())
        return {}


def main():
    peer, cores = sys.argv[1], {int(c) for c in sys.argv[2].split(",")}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not an answer
    side = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            side = side or Side(peer, cores)
            answer = getattr(side, request.pop("do"))(**request)
        except Exception as error:  # the reason belongs in the table
            detail = getattr(error, "stderr", None) or str(error)
            answer = {"error": f"{type(error).__name__}: {detail.strip()}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
