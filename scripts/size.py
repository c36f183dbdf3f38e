#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the size of the product by folder: files, lines, functions and their lengths.

usage: scripts/size.py [CHECKOUT...]     (default: this one)

The product is all .c and .h files of core, shim, tools, messaging and conversation. The length of a function is
the number of lines between its braces. The table of docs/architecture.md is made with it.
"""
import statistics
import sys
from pathlib import Path

PARTS = ("core", "shim", "tools", "messaging", "conversation")


def function_lengths(lines):
    """Our style puts the braces of a function, and of nothing else, alone into the first column."""
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield number - start - 1
            start = None


def folder_of(path):
    """core/proto of core/proto/conn/conn.c; shim of shim/load.c."""
    return "/".join(path.parts[:2]) if path.parts[0] in ("core", "conversation") else path.parts[0]


def row(name, files, lines, lengths):
    count, lengths = len(lengths), sorted(lengths) or [0]
    ninth = lengths[count * 9 // 10]
    return f"| {name} | {files} | {lines:,} | {count:,} | {statistics.median(lengths):g} | {ninth} | {lengths[-1]} |"


def report(root):
    files, lines, lengths = {}, {}, {}
    for part in PARTS:
        for path in sorted(root.glob(f"{part}/**/*.[ch]")):
            folder = folder_of(path.relative_to(root))
            text = path.read_text().splitlines()
            files[folder] = files.get(folder, 0) + 1
            lines[folder] = lines.get(folder, 0) + len(text)
            lengths.setdefault(folder, []).extend(function_lengths(text) if path.suffix == ".c" else ())
    print("| folder | files | lines | functions | median length | 90th percentile | longest |")
    print("|---|---|---|---|---|---|---|")
    for folder in files:
        print(row(folder, files[folder], lines[folder], lengths[folder]))
    print(row("all", sum(files.values()), sum(lines.values()), [x for some in lengths.values() for x in some]))


for root in sys.argv[1:] or [Path(__file__).resolve().parent.parent]:
    report(Path(root))
