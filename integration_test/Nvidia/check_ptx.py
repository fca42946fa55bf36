#!/usr/bin/env python3
"""Prints figures of a PTX file, and of what ptxas makes of it, as JSON.

  check_ptx.py FILE.ptx [--ptxas PTXAS ARCH]

Of the loop with most mma.sync: mma, ldmatrix, copies (cp.async), wide_copies
(those of 16 bytes), accesses (loads and stores of global memory), instructions,
mma_share (percent of these), stages (by its cp.async.wait_group). Of the file:
kernels, threads (of the largest block), fma, and contractions (float arithmetic
that ptxas may contract: without .rn). Of ptxas: registers, spills (bytes) and
shared (bytes) of the kernel that needs most of each.
"""

import json
import re
import subprocess
import sys
import tempfile


def bodies(text):
    """For each kernel, its loops as lists of instructions."""
    for kernel in re.split(r"\.entry ", text)[1:]:
        # Instructions over several lines become one.
        lines = [line.strip() for line in kernel.split("\n")]
        instructions, labels, current = [], {}, ""
        for line in lines:
            if re.fullmatch(r"\$\w+:.*", line):
                labels[line.split(":")[0]] = len(instructions)
                continue
            current += " " + line.split("//")[0]
            if current.rstrip().endswith(";"):
                instructions.append(current.strip())
                current = ""
        yield loops(instructions, labels)


def loops(instructions, labels):
    """Blocks that can reach themselves, as lists of instructions."""
    branches = {n + 1 for n, i in enumerate(instructions[:-1]) if re.search(r"\bbra\b", i)}
    starts = sorted(set(labels.values()) | branches | {0})
    blocks = {s: instructions[s:e] for s, e in zip(starts, starts[1:] + [len(instructions)])}
    order = {s: e for s, e in zip(starts, starts[1:])}
    edges = {}
    for start, block in blocks.items():
        targets = [labels[m] for i in block for m in re.findall(r"\bbra(?:\.uni)?\s+(\$\w+)", i)]
        ends = block and re.match(r"(bra|ret)", block[-1])
        if not ends and start in order:
            targets.append(order[start])
        edges[start] = targets
    found = []
    for start in blocks:
        reach = {s for s in blocks if start in closure(edges, s)} & closure(edges, start)
        if reach:
            found.append([i for s in sorted(reach) for i in blocks[s]])
    return found


def closure(edges, start):
    seen, todo = set(), list(edges[start])
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += edges[at]
    return seen


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    count = lambda body, pattern: sum(bool(re.search(pattern, i)) for i in body)
    body = max((b for kernel in bodies(text) for b in kernel),
               key=lambda b: count(b, r"\bmma\.sync"), default=[])
    waits = [int(n) for i in body for n in re.findall(r"cp\.async\.wait_group\s+(\d+)", i)]
    figures = {
        "kernels": len(re.findall(r"\.entry", text)),
        "fma": len(re.findall(r"\bfma\.", text)),
        "contractions": len(re.findall(
            r"\b(?:add|sub|mul|div|fma)\.(?!rn)[a-z.]*f32|\.(?:approx|ftz)\b", text)),
        "threads": max(map(int, re.findall(r"\.maxntid (\d+)", text)), default=0),
        "instructions": len(body),
        "mma_share": 100 * count(body, r"\bmma\.sync") / max(len(body), 1),
        "stages": min(waits, default=0) + 2,
        "mma": count(body, r"\bmma\.sync"),
        "ldmatrix": count(body, r"\bldmatrix"),
        "copies": count(body, r"\bcp\.async\.c[ag]"),
        "wide_copies": count(body, r"\bcp\.async\.cg.*, 16"),
        "accesses": count(body, r"\b(?:ld|st)\.global"),
    }
    if "--ptxas" in sys.argv:
        ptxas, arch = sys.argv[sys.argv.index("--ptxas") + 1:][:2]
        with tempfile.NamedTemporaryFile(suffix=".cubin") as output:
            log = subprocess.run([ptxas, f"-arch={arch}", "-v", path, "-o", output.name],
                                 check=True, capture_output=True, text=True).stderr
        most = lambda pattern: max(map(int, re.findall(pattern, log)), default=0)
        figures |= {"registers": most(r"Used (\d+) registers"),
                    "spills": most(r"(\d+) bytes spill stores"),
                    "shared": most(r"(\d+) bytes smem")}
    print(json.dumps(figures))


main()
