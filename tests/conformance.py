#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that tests/conformance.tsv covers docs/protocol.md, or prints it as a table.

    conformance.py check    each sentence with "must" is in the list, each test of the list exists
    conformance.py table    the list: section, clause, test

A line of the list has three columns, separated by tabs: words that occur in one such sentence and in no other;
a file of tests, or "-"; the name of a test in it, or the reason why there is none. Several lines may belong to
one sentence.
"""
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LIST, DOCUMENT = "tests/conformance.tsv", "docs/protocol.md"


def blocks(text):
    """Paragraphs, items of lists and rows of tables, each with the number of its section."""
    section, lines, is_figure = "", [], False

    def ended():
        block = " ".join(lines)
        lines.clear()
        return [(section, block)] if block else []

    for line in text.splitlines():
        heading = re.match(r"#+ (Appendix \w|[\d.]+)?", line)
        # What is indented is a figure, a formula or an example, unless it continues an item.
        is_figure = line.startswith("    ") and (not lines or is_figure)
        if heading or not line.strip() or re.match(r"([-|]|\d+\.) ?", line) or is_figure:
            yield from ended()
        if heading:
            section = heading.group(1) or ""
        elif line.strip() and not is_figure:
            lines.append(line.strip())
    yield from ended()


def clauses(text):
    """(section, sentence) of each sentence with "must"."""
    for section, block in blocks(text):
        for sentence in re.split(r"(?<=[.:])\s+(?=[A-Z*(-])", block):
            if re.search(r"\bmust\b", sentence) and section:
                yield section, sentence.strip("- ")


def rows():
    lines = (TOP / LIST).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != 3 or not all(columns):
                sys.exit(f"{LIST}:{number}: three columns, separated by tabs, are expected")
            yield number, *columns


def has_test(file, name):
    path = TOP / file
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    if file.endswith(".c"):
        return re.search(rf"\bTest\(\w+,\s*{re.escape(name)}\b", text) is not None or \
            re.search(rf'"{re.escape(name)}"', text) is not None
    return name in text


def check():
    complaints, found, covered = [], list(clauses((TOP / DOCUMENT).read_text(encoding="utf-8"))), set()
    for number, words, file, name in rows():
        matching = [i for i, (_, sentence) in enumerate(found) if words in sentence]
        if len(matching) != 1:
            complaints.append(f"{LIST}:{number}: the words occur in {len(matching)} sentences with must: {words}")
        covered.update(matching)
        if file != "-" and not has_test(file, name):
            complaints.append(f"{LIST}:{number}: {file} has no test {name}")
    complaints += [f"{DOCUMENT}, section {section}: no line in {LIST} for: {sentence}"
                   for i, (section, sentence) in enumerate(found) if i not in covered]
    for complaint in complaints:
        print(f"conformance: {complaint}", file=sys.stderr)
    return bool(complaints)


def table():
    found, tests, untested = list(clauses((TOP / DOCUMENT).read_text(encoding="utf-8"))), 0, 0
    for section, sentence in found:
        print(f"{section}  {sentence}")
        for _, words, file, name in rows():
            if words in sentence:
                print(f"      {'not tested: ' if file == '-' else file + '  '}{name}")
                tests, untested = tests + (file != "-"), untested + (file == "-")
    print(f"{len(found)} clauses, {tests} tests, {untested} reasons for none")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["check"], ["table"]):
        sys.exit(__doc__)
    sys.exit(check() if sys.argv[1] == "check" else table())
