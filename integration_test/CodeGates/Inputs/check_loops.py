#!/usr/bin/env python3
"""Counts the instructions of the innermost loops in x86-64 assembly.

  check_loops.py FILE.s INSTRUCTION 'most_dots>=24' 'spills==0' ...

A loop is a run of lines from a label to a jump back to it, innermost if no
other label lies between. Of those loops that hold INSTRUCTION:

  loops      how many there are
  spills     accesses of the stack through %rsp in all of them
  most_dots  INSTRUCTIONs in the loop with the most
  others     other instructions in that loop
  calls      names called that the file does not define, beside memcpy and memset

Prints every figure; exits with 1 if a condition does not hold.
"""

import operator
import re
import sys

COMPARISONS = {">=": operator.ge, "<=": operator.le, "==": operator.eq}
LABEL = re.compile(r"^(\.L\w+):")
JUMP = re.compile(r"^\s+j\w+\s+(\.L\w+)")
INSTRUCTION = re.compile(r"^\s+(\{vex\})?\s*[a-z]")


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
    path, name, *conditions = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].rstrip() for line in file]
    def dots(loop):
        return sum(bool(re.search(rf"\b{name}\b", line)) for line in loop)

    loops = [loop for loop in innermost_loops(lines) if dots(loop)]
    longest = max(loops, key=dots, default=[])
    called = {match[1] for line in lines
              if (match := re.match(r"\s+(?:call|jmp)\w*\s+\*?([\w.@%(]+)", line))}
    defined = {line[:-1] for line in lines if line.endswith(":")}
    figures = {
        "loops": len(loops),
        "spills": sum("(%rsp" in line for loop in loops for line in loop),
        "most_dots": dots(longest),
        "others": len(longest) - dots(longest),
        "calls": len(called - defined - {"memcpy", "memset", "memcpy@PLT", "memset@PLT"}),
    }
    failed = False
    print(figures)
    for condition in conditions:
        key, comparison, bound = re.fullmatch(r"(\w+)(>=|<=|==)(\d+)", condition).groups()
        if not COMPARISONS[comparison](figures[key], int(bound)):
            failed = True
            print(f"{key} = {figures[key]}, wanted {comparison} {bound}")
    sys.exit(failed)


main()
