"""Preparing the sides of one workload, timing them in turns, comparing answers."""

import contextlib
import hashlib
import json
import os
import pathlib
import statistics
import time

import numpy as np

from harness.sides import BENCHMARKS, ONE_THREAD, Side, SideError

# A side that is this much slower than the fastest runs in every third round.
SLOW = 6


class Machine:
    """Where and with what the sides run: those that are timed, on `cores`."""

    def __init__(self, python, cores, environment, versions):
        self.python, self.cores = python, cores
        self.environment, self.versions = environment, versions

    def start(self, peer, cores):
        return contextlib.closing(Side(self.python, peer, cores, self.environment))


def file_hash(*paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()[:16]


def stamp(machine, peer, workload):
    """Changes when an artifact has to be made again."""
    peers = BENCHMARKS / "peers"
    parts = [file_hash(workload["model"], workload["calibration"]), workload["io"],
             machine.versions.get(peer),
             file_hash(peers / f"{peer}.py", *sorted(peers.glob("*.c")))]
    if peer == "qopt":
        parts += [file_hash(machine.environment["QOPT"]), machine.environment["QOPT_FLAGS"]]
    return json.dumps(parts)


def prepare(machine, workload, sides, log):
    """Artifacts of all sides by 'peer variant': facts, or why there is none."""
    index = pathlib.Path(workload["folder"]) / "artifacts.json"
    known = json.loads(index.read_text()) if index.exists() else {}
    artifacts = {}
    for peer, variants in sides.items():
        # Only qopt compiles for a number of threads.
        threads = f" {workload['threads']}" if peer == "qopt" and workload["threads"] > 1 else ""
        folder = pathlib.Path(workload["folder"]) / peer
        folder.mkdir(exist_ok=True)
        for variant in variants:
            key, mark = f"{peer} {variant}", stamp(machine, peer, workload)
            if known.get(key + threads, {}).get("stamp") != mark:
                log(f"{key}: preparing")
                known[key + threads] = {"stamp": mark, **prepare_one(
                    machine, workload, peer, variant, str(folder))}
                index.write_text(json.dumps(known, indent=1) + "\n")
            artifacts[key] = known[key + threads]
    return artifacts


def with_one_thread(machine, workload, sides, artifacts, log):
    """The artifacts, each int8 one followed by that for one thread: what the
    others bring shows in the same rounds."""
    int8 = {peer: [v for v in variants if "int8" in v] for peer, variants in sides.items()}
    alone = prepare(machine, {**workload, "threads": 1}, int8, log)
    both = {}
    for key, artifact in artifacts.items():
        both[key] = artifact
        if key in alone:
            both[key + ONE_THREAD] = alone[key]
    return both


def prepare_one(machine, workload, peer, variant, folder):
    with machine.start(peer, os.sched_getaffinity(0)) as side:
        try:
            return side.ask("prepare", variant=variant, workload=workload, folder=folder)
        except SideError as error:
            # Results are published: they name no folder of this machine.
            return {"error": str(error).replace(f"{folder}/", "")}


def quantile(values, q):
    return float(np.quantile(np.array(values), q))


def summarize(times):
    return {"us": statistics.median(times) * 1e6, "p10_us": quantile(times, 0.1) * 1e6,
            "p90_us": quantile(times, 0.9) * 1e6, "rounds": len(times)}


def ratios(times, base):
    """Seconds of a side by those of another, round by round."""
    paired = [a / base[i] for i, a in times.items() if i in base]
    return {"median": statistics.median(paired), "p10": quantile(paired, 0.1),
            "p90": quantile(paired, 0.9)}


def measure(machine, workload, artifacts, rounds, seconds, log):
    """Facts by 'peer variant'. All sides are loaded; then they take turns."""
    facts, running = {}, {}
    with contextlib.ExitStack() as stack:
        for key, artifact in artifacts.items():
            alone = key.endswith(ONE_THREAD)
            if alone and key.removesuffix(ONE_THREAD) not in running:
                continue
            facts[key] = {k: v for k, v in artifact.items() if k not in ("stamp", "artifact")}
            if "error" in artifact:
                continue
            # One thread must not migrate where several have a core each.
            cores = machine.cores[-1:] if alone else machine.cores
            side = stack.enter_context(machine.start(key.split()[0], cores))
            try:
                threads = 1 if alone else workload["threads"]
                facts[key].update(side.ask("load", artifact=artifact["artifact"], threads=threads,
                                           inputs=workload["inputs"]))
                running[key] = side
            except SideError as error:
                facts[key]["error"] = str(error)
        times = take_turns(running, rounds, seconds)
        for key, side in running.items():
            facts[key].update(summarize(list(times[key].values())))
            if "qopt int8" in times:
                facts[key]["ratio"] = ratios(times[key], times["qopt int8"])
            if key.endswith(ONE_THREAD):
                facts[key]["gain"] = ratios(times[key], times[key.removesuffix(ONE_THREAD)])
        compare(running, workload, facts)
    for key, fact in facts.items():
        log(f"{key}: " + (fact["error"][:200] if "error" in fact else f"{fact['us']:.1f} us"))
    return facts


def take_turns(running, rounds, seconds):
    """Seconds of one call by side and round: A, B, C, A, B, C, ..."""
    times = {key: {} for key in running}
    for number in range(rounds):
        fastest = min((t[0] for t in times.values() if 0 in t), default=None)
        for key, side in running.items():
            slow = number > 0 and times[key][0] > SLOW * fastest and times[key][0] > seconds
            if slow and number % 3:
                continue
            times[key][number] = side.ask("round", seconds=seconds)["seconds"]
    return times


def compare(running, workload, facts):
    """Answers to the same inputs: cosine against the float reference, and the
    largest difference in quanta (255ths of the reference's range)."""
    answers = {}
    path = os.path.join(workload["folder"], "outputs.npz")
    count = len(next(iter(np.load(workload["inputs"]).values())))
    if workload["io"] == "quantized" and count > 1:
        count = 1
    for key, side in running.items():
        got = []
        for index in range(count):
            side.ask("outputs", index=index, path=path)
            outputs = np.load(path)
            got += [outputs[name].ravel().astype(np.float64) for name in outputs.files]
        if got:
            answers[key] = np.concatenate(got)
    reference = next((answers[k] for k in ("onnxruntime float", "qopt float", "qopt int8")
                      if k in answers), None)
    for key, answer in answers.items():
        if answer.shape != reference.shape:
            facts[key]["compared"] = f"answers have {answer.size} values, not {reference.size}"
            continue
        norm = np.linalg.norm(answer) * np.linalg.norm(reference)
        quantum = max((reference.max() - reference.min()) / 255, 1e-30)
        facts[key]["cosine"] = float(answer @ reference / norm) if norm else 0.0
        facts[key]["max_quanta"] = float(np.abs(answer - reference).max() / quantum)


def run_entry(machine, kind, workload, sides, options, log):
    artifacts = prepare(machine, workload, sides, log)
    if workload["threads"] > 1:
        artifacts = with_one_thread(machine, workload, sides, artifacts, log)
    if options.prepare:
        return None
    facts = measure(machine, workload, artifacts, options.rounds, options.seconds, log)
    macs = workload["macs"]
    if macs is None:
        macs = facts["qopt int8"].get("macs")
    return {"kind": kind, "macs": macs, "threads": workload["threads"],
            "rounds": options.rounds, "seconds": options.seconds,
            "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "sides": facts}
