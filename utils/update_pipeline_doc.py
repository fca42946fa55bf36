#!/usr/bin/env python3
"""Rewrites the generated sections of docs/Pipeline.md: the phases, from
Phases.def and the pipelines of qopt-opt, and the running example, from
test/Pipelines/running-example.mlir after every phase.

With --check it changes nothing, and fails if the page is out of date."""

import argparse
import collections
import difflib
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PHASES = os.path.join(ROOT, "include", "qopt", "Pipelines", "Phases.def")
EXAMPLE = os.path.join(ROOT, "test", "Pipelines", "running-example.mlir")
INPUTS = os.path.join(ROOT, "test", "Pipelines", "Inputs", "running-example.")
# A fixed target: the page must not depend on the machine that writes it.
TARGET = "x86-64-v4-vnni"
# Longer modules show every operation once.
MAX_LINES = 42

Phase = collections.namedtuple("Phase", "name description contract passes")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done


def read_pipeline(qopt_opt, name):
    """The passes that lead to phase `name`, in order, without options."""
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as module:
        # The pipeline is printed before it runs; that this is no module of the
        # phase before does not matter.
        module.write("func.func @f() { return }\n")
        module.flush()
        text = subprocess.run([qopt_opt, f"--qopt-to-{name}=target={TARGET}",
                               "--dump-pass-pipeline", module.name],
                              capture_output=True, text=True).stderr
    text = re.sub(r"\{[^}]*\}", "", text)
    passes = re.findall(r"^\s+([\w.-]+),?$", text, re.M)
    if not passes:
        sys.exit(f"{qopt_opt} --qopt-to-{name}: expected passes, got\n{text}")
    # The check at the end leads nowhere.
    return [word for word in passes if word != "qopt-verify-phase"]


def read_phases(qopt_opt):
    with open(PHASES, encoding="utf-8") as file:
        text = file.read().split("#endif", 1)[1]
    pattern = r'QOPT_PHASE\(\w+, "([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\)'
    rows = re.findall(pattern, text)
    if len(rows) != text.count("QOPT_PHASE("):
        sys.exit(f"{PHASES}: expected every entry to be QOPT_PHASE(enumerator, "
                 '"name", "description", "contract")')
    return [Phase(*row, read_pipeline(qopt_opt, row[0]) if index else [])
            for index, row in enumerate(rows)]


def render_phases(phases):
    lines = ["```mermaid", "flowchart LR"]
    lines += [f"  {a.name} --> {b.name}" for a, b in zip(phases, phases[1:])]
    lines += [f"  {phases[-1].name} --> artifact", "```", "",
              "| phase | the model is | contract | own passes that lead there |",
              "|---|---|---|---|"]
    for phase in phases:
        own = [f"`{name}`" for name in dict.fromkeys(phase.passes)
               if "qopt" in name or "qdq" in name or "annotations" in name]
        lines.append(f"| `{phase.name}` | {phase.description} | "
                     f"{phase.contract} | {', '.join(own)} |")
    return lines


def shorten(line):
    line = re.sub(r"dense_resource<__elided__>|dense<\"0x\w{40,}\">", "dense<...>",
                  line)
    line = re.sub(r"^module attributes \{.*\} \{$", "module attributes {...} {", line)
    return re.sub(r"-?\d\.\d{6}e[+-]\d\d", lambda m: shortest_float(m.group()),
                  line).rstrip()


def shortest_float(text):
    short = f"{float(text):g}"
    return short if "." in short or "e" in short else short + ".0"


def kind_of(line):
    """What repeats in a long module: the operation."""
    operation = re.match(r"\s*(?:%[\w:]+ = )?\"?([\w.]+)", line)
    return operation.group(1) if operation else line


def elide_repeats(lines):
    """Keeps the first line of every kind and counts the others."""
    kept, seen, hidden = [], set(), 0
    for line in lines:
        kind = kind_of(line)
        if kind in seen and line.strip() != "}":
            hidden += 1
            continue
        if hidden:
            kept.append(f"    // ... {hidden} more")
            hidden = 0
        seen.add(kind)
        kept.append(line)
    return kept


def render_module(qopt_opt, path):
    text = run(qopt_opt, path, "--mlir-print-local-scope",
               "--mlir-elide-elementsattrs-if-larger=16").stdout
    lines = [shorten(line) for line in text.strip().split("\n")
             if "= tensor.empty()" not in line]
    return lines if len(lines) <= MAX_LINES else elide_repeats(lines)


def render_example(qopt, qopt_opt, phases):
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        run(qopt, "compile", EXAMPLE, "--name", "example", "--target", TARGET,
            "--recipe", INPUTS + "recipe.json",
            "--calibration", INPUTS + "calibration.json",
            "--dump-phases", folder, "-o", os.path.join(folder, "example.o"))
        for index, phase in enumerate(phases):
            path = os.path.join(folder, f"{index:02}.{phase.name}.mlir")
            lines += [f"### Example: `{phase.name}`", "", "```mlir",
                      *render_module(qopt_opt, path), "```", ""]
    return lines[:-1]


def replace_section(path, page, name, lines):
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        sys.exit(f"{path}: expected one '{begin}' and one '{end}'")
    head, rest = page.split(begin)
    return "\n".join([head + begin, *lines, end + rest.split(end)[1]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of qopt and qopt-opt")
    parser.add_argument("--docs", default=os.path.join(ROOT, "docs"))
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    qopt, qopt_opt = (os.path.join(args.bin, tool) for tool in ("qopt", "qopt-opt"))

    path = os.path.join(args.docs, "Pipeline.md")
    with open(path, encoding="utf-8") as file:
        old = file.read()
    phases = read_phases(qopt_opt)
    new = replace_section(path, old, "phases", render_phases(phases))
    new = replace_section(path, new, "example",
                          render_example(qopt, qopt_opt, phases))
    if not args.check:
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != old:
        sys.stdout.writelines(difflib.unified_diff(
            old.splitlines(True), new.splitlines(True), path, "generated"))
        sys.exit(f"{path}: out of date, run utils/update_docs")


if __name__ == "__main__":
    main()
