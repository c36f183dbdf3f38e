#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""flame.py TITLE < perf-script-output > flame.svg

Draws the call stacks of `perf script` as a flame graph. The width of a box is its share of the samples. The boxes
of the functions that it called are above it, the widest first. Boxes with less than 0.5 % of the samples are left
out."""
import sys
from collections import Counter
from html import escape

WIDTH, ROW, MARGIN, TOP = 1200, 17, 8, 46
DEPTH_MAX, SAMPLES_MAX, SHARE_MIN, CHARACTER = 48, 1_000_000, 0.005, 6.6
STYLE = "text{font:11px monospace;fill:#111}.title{font:bold 15px sans-serif}.small{font:12px sans-serif}"
COLOURS = {"kernel": "#e8a25c", "libcrypto": "#8fbf7f", "libIPSec_MB": "#6fae9f", "rudp-engine": "#7fa8d9"}
OTHER = "#d9d9d9"


def library(path):
    """Returns the name of the object that contains a frame. perf prints its path in parentheses."""
    name = path.strip("()").rsplit("/", 1)[-1]
    return "kernel" if "kernel" in name or name in ("[vdso]",) else name.split(".so")[0]


def frame(line):
    words = line.split()
    where = library(words[-1])
    symbol = " ".join(words[1:-1]).rsplit("+0x", 1)[0]
    return (where if symbol in ("[unknown]", "") else symbol, where)


def merged(stack):
    """Merges equal neighbours: consecutive frames without a symbol become one box."""
    result = []
    for entry in stack:
        if not result or result[-1] != entry:
            result.append(entry)
    return tuple(result[:DEPTH_MAX])


def fold(lines):
    stacks, program, stack = Counter(), None, []
    for line in lines:
        if line.strip() and not line[0].isspace():
            program, stack = line.split()[0], []
        elif line.strip():
            stack.append(frame(line))
        elif program:
            stacks[merged([(program, "")] + stack[::-1])] += 1
            program = None
            if stacks.total() >= SAMPLES_MAX:
                break
    if program:
        stacks[merged([(program, "")] + stack[::-1])] += 1
    return stacks


class Node:
    def __init__(self):
        self.samples, self.children = 0, {}

    def add(self, stack, samples):
        node = self
        node.samples += samples
        for entry in stack:
            node = node.children.setdefault(entry, Node())
            node.samples += samples


def boxes(node, total, x, depth):
    """Yields (entry, samples, x, depth) of all boxes that are wide enough to be visible."""
    for entry, child in sorted(node.children.items(), key=lambda item: -item[1].samples):
        if child.samples >= total * SHARE_MIN:
            yield entry, child.samples, x, depth
            yield from boxes(child, total, x, depth + 1)
        x += child.samples


def draw(stacks, title):
    root = Node()
    for stack, samples in stacks.items():
        root.add(stack, samples)
    total = root.samples
    seen = list(boxes(root, total, 0, 0))
    height = TOP + ROW * (1 + max(box[3] for box in seen)) + MARGIN
    scale = (WIDTH - 2 * MARGIN) / total
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
          f'viewBox="0 0 {WIDTH} {height}"><style>{STYLE}</style>')
    print(f'<rect width="100%" height="100%" fill="#fff"/><text class="title" x="{MARGIN}" y="20">'
          f'{escape(title)}</text><text class="small" x="{MARGIN}" y="37">{total} samples; orange: kernel, '
          'blue: the engine, green: libcrypto or libIPSec_MB</text>')
    for (name, where), samples, x, depth in seen:
        left, width = MARGIN + x * scale, samples * scale
        y = height - MARGIN - ROW * (depth + 1)
        share = f"{100 * samples / total:.1f} %"
        label = name if len(name) * CHARACTER < width - 4 else name[:max(0, int((width - 4) / CHARACTER))]
        print(f'<g><title>{escape(name)}: {share}</title><rect x="{left:.1f}" y="{y}" width="{width:.1f}" '
              f'height="{ROW - 1}" fill="{COLOURS.get(where, OTHER)}"/>'
              + (f'<text x="{left + 2:.1f}" y="{y + 12}">{escape(label)}</text>' if len(label) > 2 else "")
              + "</g>")
    print("</svg>")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    stacks = fold(sys.stdin)
    if not stacks:
        sys.exit("flame.py: no samples")
    draw(stacks, sys.argv[1])


if __name__ == "__main__":
    main()
