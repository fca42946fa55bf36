#!/usr/bin/env python3
"""Reads the JSON that `lit --output` writes; prints what did not pass, with
the end of a failure's output, then "N passed, N failed" (", N skipped" if
tests were unsupported here), and exits with 1 if a test failed or none ran."""

import collections
import json
import sys

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
# Of a failure's output: enough for its reason, short of a dumped constant.
LAST_CHARACTERS = 4000
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    kinds = collections.Counter()
    for test in tests:
        kind = ("passed" if test["code"] in PASSED else
                "skipped" if test["code"] in SKIPPED else "failed")
        kinds[kind] += 1
        if kind != "passed":
            print(f"{kind}: {test['name']}")
        if kind == "failed":
            print(test.get("output", "")[-LAST_CHARACTERS:])
    line = f"{kinds['passed']} passed, {kinds['failed']} failed"
    print(line + (f", {kinds['skipped']} skipped" if kinds["skipped"] else ""))
    sys.exit(1 if kinds["failed"] or not kinds["passed"] else 0)


if __name__ == "__main__":
    main()
