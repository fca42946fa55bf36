#!/usr/bin/env python3
"""demo_table.py FOLDER RECIPE...: what `qopt eval --json` and `qopt bench --json`
wrote for each recipe, as one table."""

import json
import pathlib
import sys


def main():
    folder = pathlib.Path(sys.argv[1])
    print(f"\n{'':10}{'top-1':>9}{'weights':>13}{'arena':>12}{'latency':>12}")
    for recipe in sys.argv[2:]:
        answers = json.loads((folder / f"{recipe}.eval.json").read_text())
        times = json.loads((folder / f"{recipe}.bench.json").read_text())
        print(f"{recipe:10}{answers['top1']:7.2f} %{times['weight_bytes']:11,} B"
              f"{times['arena_bytes']:10,} B{times['median_us']:9.1f} us")
    print()


if __name__ == "__main__":
    main()
