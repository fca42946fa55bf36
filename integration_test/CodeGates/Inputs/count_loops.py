#!/usr/bin/env python3
"""Prints, as JSON, what the innermost loops of x86-64 assembly consist of.

  count_loops.py FILE.s INSTRUCTION

A loop is a run of lines from a label to a jump back to it, innermost if no
other label lies between. Of those loops that hold INSTRUCTION:

  loops      how many there are
  spills     accesses of the stack through %rsp in all of them
  most_dots  INSTRUCTIONs in the loop with the most
  others     other instructions in that loop
  calls      names called that the file does not define, beside memcpy and memset
"""

import json
import re
import sys

LABEL = re.compile(r"^(\.L\w+):")
JUMP = re.compile(r"^\s+j\w+\s+(\.L\w+)")
CALL = re.compile(r"\s+(?:call|jmp)\w*\s+\*?([\w.@%(]+)")
INSTRUCTION = re.compile(r"^\s+(\{vex\})?\s*[a-z]")
ALLOWED = {"memcpy", "memset", "memcpy@PLT", "memset@PLT"}


def innermost_loops(lines):
    label, body = None, []
    for line in lines:
        if match := LABEL.match(line):
            label, body = match[1], []
        elif INSTRUCTION.match(line):
            body.append(line)
            jump = JUMP.match(line)
            if jump and jump[1] == label:
                yield body
                label, body = None, []


def main():
    path, name = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].rstrip() for line in file]

    def dots(loop):
        return sum(bool(re.search(rf"\b{name}\b", line)) for line in loop)

    loops = [loop for loop in innermost_loops(lines) if dots(loop)]
    longest = max(loops, key=dots, default=[])
    called = {match[1] for line in lines if (match := CALL.match(line))}
    defined = {line[:-1] for line in lines if line.endswith(":")}
    print(json.dumps({
        "loops": len(loops),
        "spills": sum("(%rsp" in line for loop in loops for line in loop),
        "most_dots": dots(longest),
        "others": len(longest) - dots(longest),
        "calls": len(called - defined - ALLOWED),
    }))


main()
