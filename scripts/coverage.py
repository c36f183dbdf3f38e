#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints which lines of the product the unit tests and the simulator have executed, by folder.

    coverage.py BUILD    a build with --coverage, after its tests (make coverage)

BUILD/coverage.txt gets each file, the least covered first. Some tests include the .c file that they test: a
line counts if it was executed in any program. A process that is killed does not write what it has executed,
so the figures of the engine and of what runs under the shim are lower bounds.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

PRODUCT = ("core/", "shim/", "tools/", "messaging/", "conversation/")
NOTES_PER_CALL = 50


def executed(build):
    """For each source file: its lines with code, and whether each was executed."""
    sources = collections.defaultdict(dict)
    notes = sorted(str(path) for path in pathlib.Path(build, "obj").rglob("*.gcno"))
    for i in range(0, len(notes), NOTES_PER_CALL):
        gcov = subprocess.run(["gcov", "--json-format", "--stdout", *notes[i:i + NOTES_PER_CALL]],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
        for report in filter(None, gcov.stdout.splitlines()):
            for source in json.loads(report)["files"]:
                name = os.path.normpath(source["file"])
                if not name.startswith(PRODUCT) or not name.endswith(".c"):
                    continue
                lines = sources[name]
                for line in source["lines"]:
                    number = line["line_number"]
                    lines[number] = lines.get(number, False) or line["count"] > 0
    return sources


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: coverage.py BUILD")
    build = sys.argv[1]
    sources = executed(build)
    if not any(any(lines.values()) for lines in sources.values()):
        sys.exit(f"coverage: no line was executed in {build}; make coverage builds it and runs its tests")
    folders = collections.defaultdict(lambda: [0, 0])
    files = []
    for name, lines in filter(lambda item: item[1], sources.items()):
        hits = sum(lines.values())
        files.append((100 * hits / len(lines), len(lines), name))
        for folder in os.path.dirname(name), "all":
            folders[folder][0] += hits
            folders[folder][1] += len(lines)
    with open(os.path.join(build, "coverage.txt"), "w", encoding="utf-8") as out:
        for share, count, name in sorted(files):
            out.write(f"{share:5.1f} % of {count:4} lines  {name}\n")
    for folder in sorted(folders, key=lambda name: (name == "all", name)):
        hits, count = folders[folder]
        print(f"{folder:24} {100 * hits / count:5.1f} % of {count:6} lines")
    print(f"each file: {build}/coverage.txt")


main()
