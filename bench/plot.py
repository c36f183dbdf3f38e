#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plot.py DIRECTORY: draws raw.jsonl as SVG files beside it. Every dot is one run, every tick a median."""
import math
import os
import statistics
import sys
from html import escape

from results import Results, link_ideal_s, variant_name

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 760, 210, 40, 56, 30, 48
COLOURS = {"tcp": "#7a7a7a", "rudp": "#0b63b5"}
STYLE = ("text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}"
         ".small{font-size:11px;fill:#555}.grid{stroke:#ddd}.ideal{stroke:#2a8a2a;stroke-dasharray:5 3}")


class Axis:
    """From values to pixels; logarithmic where they differ by more than a factor of ten."""

    def __init__(self, values):
        low, high = min(values), max(values)
        self.log = low > 0 and high / low > 10
        if self.log:
            self.low, self.high = math.log10(low / 1.3), math.log10(high * 1.3)
        else:
            self.low, self.high = 0.0, high * 1.08 or 1.0

    def x(self, value):
        at = math.log10(value) if self.log else value
        return LEFT + (at - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        if self.log:
            steps = [m * 10.0 ** e for e in range(math.floor(self.low), math.ceil(self.high) + 1)
                     for m in (1, 2, 5)]
            return [s for s in steps if self.low <= math.log10(s) <= self.high]
        step = 10.0 ** math.floor(math.log10(self.high))
        while self.high / step < 4:
            step /= 2
        return [step * i for i in range(int(self.high / step) + 1)]


def text(x, y, what, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(what)}</text>'


def draw_grid(axis, bottom, unit):
    out = []
    for tick in axis.ticks():
        x = axis.x(tick)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        out.append(text(x, bottom + 16, f"{tick:g}", "small", "middle"))
    scale = ", logarithmic" if axis.log else ""
    out.append(text(WIDTH - RIGHT, bottom + 34, unit + scale, "small", "end"))
    return out


def draw_row(axis, y, label, colour, values):
    median = statistics.median(values)
    x = axis.x(median)
    out = [text(LEFT - 10, y + 4, label, anchor="end")]
    out += [f'<circle cx="{axis.x(v):.1f}" cy="{y}" r="4" fill="{colour}" fill-opacity="0.45"/>' for v in values]
    out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 9}" y2="{y + 9}" stroke="{colour}" stroke-width="3"/>')
    out.append(text(x + 8, y - 6, f"{median:.3g}", "small"))
    return out


def chart(title, unit, rows, ideal=None):
    """rows: (label, colour, values of the runs)."""
    axis = Axis([v for row in rows for v in row[2]] + ([ideal] if ideal else []))
    bottom = TOP + ROW * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + BOTTOM}">',
           f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{bottom + BOTTOM}" fill="#fff"/>',
           text(16, 26, title, "title")]
    out += draw_grid(axis, bottom, unit)
    if ideal:
        x = axis.x(ideal)
        out.append(f'<line class="ideal" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>')
        out.append(text(x, TOP - 10, "ideal", "small", "middle"))
    for i, row in enumerate(rows):
        out += draw_row(axis, TOP + ROW * i + ROW // 2, *row)
    return "\n".join(out) + "\n</svg>\n"


def rows_of(results, measurement, metric, suffix=""):
    rows = []
    for variant in results.variants(measurement):
        values = results.values(measurement, variant, metric)
        if values:
            rows.append((variant_name(*variant) + suffix, COLOURS[variant[0]], values))
    return rows


def charts(results):
    """(file name, title, unit, rows, ideal)"""
    yield ("loopback", "One connection over loopback", "Gbit/s",
           rows_of(results, "loopback", "goodput"), None)
    yield ("cpu", "CPU time per gigabyte over loopback, programs and engine", "s/GB",
           rows_of(results, "loopback", "CPU, programs and engine"), None)
    yield ("link", "20 MB over 100 Mbit/s and 50 ms, time", "s",
           rows_of(results, "link_loss_0", "time", ", no loss")
           + rows_of(results, "link_loss_1", "time", ", 1 % loss"), link_ideal_s(20e6))
    yield ("latency", "200 bytes there and back over 50 ms and 1 % loss", "ms",
           [row for metric in ("p50", "p90", "p99", "max")
            for row in rows_of(results, "latency", metric, ", " + metric)], None)


def main():
    directory = sys.argv[1]
    results = Results(directory)
    for name, title, unit, rows, ideal in charts(results):
        if rows:
            with open(os.path.join(directory, name + ".svg"), "w") as out:
                out.write(chart(title, unit, rows, ideal))


if __name__ == "__main__":
    main()
