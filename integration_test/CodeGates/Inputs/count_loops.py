#!/usr/bin/env python3
"""Prints, as JSON, what the innermost loops of assembly consist of.

  count_loops.py FILE.s INSTRUCTION

For x86-64, AArch64 and Thumb. A loop is a run of lines from a label to a jump back to
it, innermost if no other label lies between. Of those loops that hold
INSTRUCTION:

  loops      how many there are
  spills     accesses of the stack through its pointer in all of them
  saves      those of them that write: what is only read is a constant of the loop
  most_dots  INSTRUCTIONs in the loop with the most
  prefetches those that only bring memory near, in that loop
  others     other instructions in it
  loads      those of the others that only read memory
  share      percent of that loop that are INSTRUCTIONs or loads
  calls      names called that the file does not define, beside memcpy and memset
  everywhere INSTRUCTIONs in the whole file, outside of loops too
"""

import json
import re
import sys
from collections import namedtuple

Syntax = namedtuple("Syntax", "comment jump call stack save load")
X86 = Syntax("#", re.compile(r"^\s+j\w+\s+(\.L\w+)"),
             re.compile(r"\s+(?:call|jmp)\w*\s+\*?([\w.@%(]+)"), "(%rsp",
             re.compile(r"^\s+(?!cmp|test)\w+\s.*[\s,]-?\d*\(%rsp\S*$"),
             re.compile(r"^\s+v(?:mov|pbroadcast)\w*\s+[^%]"))
ARM = Syntax("//", re.compile(r"^\s+(?:b\.?\w*|cbn?z|tbn?z)\s.*?(\.L\w+)$"),
             re.compile(r"\s+bl?\s+([\w.]+)"), "[sp", re.compile(r"^\s+st"),
             re.compile(r"^\s+ld(?:r|p|ur|1r?)\s"))
THUMB = Syntax("@", re.compile(r"^\s+(?:b\w*(?:\.w)?|cbn?z|le)\s.*?(\.L\w+)$"),
               re.compile(r"\s+bl\s+([\w.]+)"), "[sp", re.compile(r"^\s+v?st"),
               re.compile(r"^\s+v?ldr"))

LABEL = re.compile(r"^(\.L\w+):")
INSTRUCTION = re.compile(r"^\s+(\{vex\})?\s*[a-z]")
PREFETCH = re.compile(r"^\s+(?:prefetch|prfm|pld)")
ALLOWED = {"memcpy", "memset", "memcpy@PLT", "memset@PLT"}


def innermost_loops(lines, syntax):
    label, body = None, []
    for line in lines:
        if match := LABEL.match(line):
            label, body = match[1], []
        elif INSTRUCTION.match(line):
            body.append(line)
            jump = syntax.jump.match(line)
            if jump and jump[1] == label:
                yield body
                label, body = None, []


def main():
    path, name = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    syntax = X86 if "%rsp" in text or "%rdi" in text else THUMB if ".thumb_func" in text else ARM
    lines = [line.split(syntax.comment)[0].rstrip() for line in text.splitlines()]

    def dots(loop):
        return sum(bool(re.search(rf"\b{name}\b", line)) for line in loop)

    loops = [loop for loop in innermost_loops(lines, syntax) if dots(loop)]
    longest = max(loops, key=dots, default=[])
    loads = sum(bool(syntax.load.match(line)) for line in longest)
    prefetches = sum(bool(PREFETCH.match(line)) for line in longest)
    called = {match[1] for line in lines if (match := syntax.call.match(line))}
    defined = {line[:-1] for line in lines if line.endswith(":")}
    print(json.dumps({
        "loops": len(loops),
        "spills": sum(syntax.stack in line for loop in loops for line in loop),
        "saves": sum(syntax.stack in line and bool(syntax.save.match(line))
                     for loop in loops for line in loop),
        "most_dots": dots(longest),
        "prefetches": prefetches,
        "others": len(longest) - dots(longest) - prefetches,
        "loads": loads,
        "share": 100 * (dots(longest) + loads) // max(1, len(longest)),
        "calls": len(called - defined - ALLOWED),
        "everywhere": dots(lines),
    }))


main()
