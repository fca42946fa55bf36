#!/usr/bin/env python3
"""Checks that the ```mlir examples of pages parse and verify:

    utils/check_doc_examples.py --qopt-opt build/release/bin/qopt-opt PAGE...

An example is a module, or operations that use values from nowhere: those
become arguments of a function, of the types that the parser asks for.
Examples with "..." are excerpts and are not read."""

import argparse
import re
import subprocess
import sys

# More than any example has values from nowhere.
MAX_ROUNDS = 20


def read_examples(path):
    """(line, text) of every block, without the indentation of lists."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(r"^ *```mlir\n(.*?)^ *```$", text, re.M | re.S):
        if "..." not in match[1]:
            yield text.count("\n", 0, match.start()) + 2, match[1]


def wrap(example, types):
    arguments = ", ".join(f"{name}: {kind}" for name, kind in types.items())
    return f"func.func @example({arguments}) {{\n{example}return\n}}\n"


def run(qopt_opt, text):
    done = subprocess.run([qopt_opt], input=text, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def check(qopt_opt, example):
    """The error that remains, or nothing."""
    if re.match(r"\s*(module|func\.func)\b", example):
        return run(qopt_opt, example)
    defined = set(re.findall(r"^\s*(%\w+) =", example, re.M))
    used = dict.fromkeys(re.findall(r"%\w+", example))
    types = {name: "none" for name in used if name not in defined}
    for _ in range(MAX_ROUNDS):
        error = run(qopt_opt, wrap(example, types))
        wanted = re.search(r"use of value '(%\w+)' expects different type than "
                           r"prior uses: '(.*)' vs 'none'", error)
        if not wanted or wanted[1] not in types:
            return error
        types[wanted[1]] = wanted[2]
    return error


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qopt-opt", required=True)
    parser.add_argument("pages", nargs="+")
    args = parser.parse_args()
    checked = failed = 0
    for page in args.pages:
        for line, example in read_examples(page):
            checked += 1
            error = check(args.qopt_opt, example)
            if error:
                failed += 1
                print(f"{page}:{line}: {error}", file=sys.stderr)
    print(f"{checked - failed} of {checked} examples are valid")
    sys.exit(1 if failed or not checked else 0)


if __name__ == "__main__":
    main()
