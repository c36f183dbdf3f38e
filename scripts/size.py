#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the size of the product by folder: files, lines, functions and their lengths.

usage: scripts/size.py [CHECKOUT...]     (default: this one)

The product is all .c and .h files of core, shim, tools, messaging and conversation. The length of a function is
the number of lines between its braces. A line is repeated if it is in a run of at least RUN lines that the product
has elsewhere, too; blank lines, comments, includes and lone brackets do not count, nor do names or numbers that
differ. The table of docs/architecture.md is made with it.
"""
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path

PARTS = ("core", "shim", "tools", "messaging", "conversation")
RUN = 6
COUNTS = re.compile(r"(?!/?\*|//|#include).*\w")


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


def repeated(texts):
    """The places (path, index) of all lines that are in a run of RUN lines of which there are several."""
    places = defaultdict(list)
    for path, text in texts.items():
        counted = [(i, line.strip()) for i, line in enumerate(text) if COUNTS.match(line.strip())]
        for at in range(len(counted) - RUN + 1):
            run = counted[at:at + RUN]
            places[tuple(line for _, line in run)].append([(path, i) for i, _ in run])
    return {place for runs in places.values() if len(runs) > 1 for run in runs for place in run}


def row(name, files, lines, lengths, same):
    count, lengths = len(lengths), sorted(lengths) or [0]
    ninth = lengths[count * 9 // 10]
    return f"| {name} | {files} | {lines:,} | {count:,} | {statistics.median(lengths):g} | {ninth} | {lengths[-1]} | {same} |"


def report(root):
    files, lines, lengths, same, texts = {}, {}, {}, defaultdict(int), {}
    for part in PARTS:
        for path in sorted(root.glob(f"{part}/**/*.[ch]")):
            folder = folder_of(path.relative_to(root))
            text = texts[path] = path.read_text().splitlines()
            files[folder] = files.get(folder, 0) + 1
            lines[folder] = lines.get(folder, 0) + len(text)
            lengths.setdefault(folder, []).extend(function_lengths(text) if path.suffix == ".c" else ())
    for path, _ in repeated(texts):
        same[folder_of(path.relative_to(root))] += 1
    print("| folder | files | lines | functions | median length | 90th percentile | longest | repeated |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in files:
        print(row(folder, files[folder], lines[folder], lengths[folder], same[folder]))
    every = [length for some in lengths.values() for length in some]
    print(row("all", sum(files.values()), sum(lines.values()), every, sum(same.values())))


for root in sys.argv[1:] or [Path(__file__).resolve().parent.parent]:
    report(Path(root))
