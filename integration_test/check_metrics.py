#!/usr/bin/env python3
"""Checks figures in JSON: what `qopt eval --json` printed, or a test's script.

  check_metrics.py [--minus FLOAT.json] FILE.json 'top1>=80.0' 'max-diff<=0.5' ...

With --minus, the figures are FILE's minus FLOAT's: what quantization changed.
Prints every figure that it compares; exits with 1 if one does not hold.
"""

import argparse
import json
import operator
import re
import sys

COMPARISONS = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minus")
    parser.add_argument("file")
    parser.add_argument("conditions", nargs="+")
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as file:
        figures = json.load(file)
    baseline = {}
    if args.minus:
        with open(args.minus, encoding="utf-8") as file:
            baseline = json.load(file)
    failed = False
    for condition in args.conditions:
        name, comparison, bound = re.fullmatch(
            r"([\w-]+)(>=|<=|==)(.+)", condition).groups()
        value = figures[name] - (baseline[name] if args.minus else 0)
        holds = COMPARISONS[comparison](value, float(bound))
        failed |= not holds
        print(f"{name} = {value:.6g}, wanted {comparison} {bound}: "
              f"{'holds' if holds else 'DOES NOT HOLD'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
