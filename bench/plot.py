#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plot.py DIRECTORY: draws the results in raw.jsonl as SVG files in the same directory."""
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

from paths import PATHS, ideal_mbps  # noqa: E402
from results import NAMES, Results  # noqa: E402
from svg import Panel, Scale, covering, legend, page  # noqa: E402
import wild  # noqa: E402

WIDTH = 900
MARGIN = 72


def named(variants):
    return [(v, NAMES[v]) for v in variants]


def says(path):
    p = PATHS[path]
    loss = f", {p.loss * 100:g} % loss" if p.loss else ""
    queue = f", queue {p.queue_bdp:g} BDP" if p.queue_bdp != 1 else ""
    return f"{path}: {p.mbps:g} Mbit/s, {p.rtt_ms:g} ms{loss}{queue}"


def grid_of_panels(title, kinds, panels, columns=2, height=190, gap=68):
    """Draws panels in a grid. panels: functions that take (left, top, width, height) and return a Panel."""
    head, extra = legend(kinds, MARGIN, 56, WIDTH - MARGIN - 20) if kinds else ([], -14)
    top = 62 + extra + 14
    width = (WIDTH - MARGIN - 24 - (columns - 1) * gap) / columns
    parts = list(head)
    for i, make in enumerate(panels):
        parts += make(MARGIN + (i % columns) * (width + gap), top + (i // columns) * (height + gap), width, height).out
    rows = (len(panels) + columns - 1) // columns
    return page(WIDTH, top + rows * (height + gap) - 12, title, parts)


def grouped_bars(results, title, measurement, figure, cases, variants, scale, y_says, share_of):
    """Draws a group of bars for each case. The whiskers reach from the lowest to the highest run."""
    kinds = named(variants)
    head, extra = legend(kinds, MARGIN, 56, WIDTH - MARGIN - 20)
    panel = Panel(MARGIN, 62 + extra, WIDTH - MARGIN - 24, 280, Scale(0, len(cases)), scale, "", "", y_says)
    for i, case in enumerate(cases):
        for j, variant in enumerate(variants):
            values = [share_of(case, v) for v in results.values(measurement, case, variant, figure)]
            if values:
                draw_bar(panel, variant, i + 0.08 + 0.84 * j / len(variants), 0.84 / len(variants), values)
        middle = panel.at_x(i + 0.5)
        panel.text(middle, panel.top + panel.height + 17, case, "", "middle")
        panel.text(middle, panel.top + panel.height + 32, f"{PATHS[case].mbps:g} Mbit/s", "small", "middle")
        panel.text(middle, panel.top + panel.height + 46, f"{PATHS[case].rtt_ms:g} ms, {PATHS[case].loss * 100:g} %",
                   "small", "middle")
    return page(WIDTH, panel.top + panel.height + 62, title, head + panel.out), panel


def draw_bar(panel, variant, at, width, values):
    top = panel.at_y(min(statistics.median(values), panel.y.high))
    panel.box(f"f-{variant}", panel.at_x(at) + 0.8, top, panel.at_x(at + width) - panel.at_x(at) - 1.6,
              panel.top + panel.height - top)
    if max(values) > min(values):
        x = panel.at_x(at + width / 2)
        panel.stroke("whisker", x, panel.at_y(min(max(values), panel.y.high)), x, panel.at_y(min(values)))


def goodput(results):
    cases = [c for c in PATHS if c in results.cases("bulk")]
    return grouped_bars(results, "Bulk goodput, in percent of the ideal of the path", "bulk", "goodput", cases,
                        results.variants("bulk"), Scale(0, 100), "% of the ideal",
                        lambda case, v: v / ideal_mbps(PATHS[case]) * 100)[0]


def objects(results):
    cases = [c for c in PATHS if c in results.cases("object")]
    values = [v for c in cases for n in results.variants("object") for v in results.values("object", c, n, "p50")]
    return grouped_bars(results, "1 MB over a fresh connection: median time", "object", "p50", cases,
                        results.variants("object"), Scale(50, max(values) * 1.2, "log"), "ms, logarithmic",
                        lambda case, v: v)[0]


def of_first_round(results, measurement, case, variant):
    return next(iter(results.results(measurement, case, variant)), None)


def over_time(results, title, cases, series, y_says, limit=None):
    variants = [v for v in results.variants("bulk") if v != "kcptun-fast3"]
    panels = []
    for case in cases:
        curves = {v: series(r) for v in variants if (r := of_first_round(results, "bulk", case, v))}
        top = max((y for curve in curves.values() for _, y in curve), default=1)
        seconds = max((x for curve in curves.values() for x, _ in curve), default=1)

        def make(*place, case=case, curves=curves, top=top, seconds=seconds):
            panel = Panel(*place, Scale(0, seconds), covering([limit(case) if limit else top]), says(case),
                          "seconds", y_says)
            for variant, curve in curves.items():
                panel.line(variant, curve, 1.5)
            return panel
        panels.append(make)
    return grid_of_panels(title, named(variants), panels)


def queue(results):
    cases = [c for c in ("P1", "P2", "P4", "P6") if c in results.cases("bulk")]
    return over_time(results, "Queueing delay that one bulk connection causes", cases,
                     lambda r: [(i * r["series_ms"] / 1e3, v) for i, v in enumerate(r["series_queue_ms"])], "ms")


def start_up(results):
    cases = [c for c in ("P1", "P2", "P3", "P4", "P5", "P7") if c in results.cases("bulk")]
    return over_time(results, "Goodput over time", cases,
                     lambda r: [((i + 0.5) * r["step_ms"] / 1e3, v) for i, v in enumerate(r["step_mbps"])],
                     "Mbit/s", lambda case: PATHS[case].mbps * 1.15)


def percentiles(results, measurement, case, variant):
    """Returns a curve with the median over all runs at each percentile."""
    runs = [r["percentiles_ms"] for r in results.results(measurement, case, variant)]
    return [(statistics.median(values), min(percent / 100, 0.99)) for percent, values in enumerate(zip(*runs))]


def latency(results):
    panels, variants = [], {}
    for measurement, title in (("request", "Request and response"), ("message", "One-way messages")):
        for case in [c for c in ("P2", "P3") if c in results.cases(measurement)]:
            curves = {v: percentiles(results, measurement, case, v) for v in results.variants(measurement)}
            curves = {v: c for v, c in curves.items() if c}
            if not curves:
                continue
            variants.update(curves)

            def make(*place, curves=curves, what=f"{title}, {case}"):
                x = covering([x for c in curves.values() for x, _ in c], "log")
                panel = Panel(*place, x, Scale(0, 0.99, "tail", [0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99]), what,
                              "milliseconds, logarithmic", "share not slower")
                for variant, curve in curves.items():
                    panel.line(variant, curve)
                return panel
            panels.append(make)
    return grid_of_panels("Latency of small messages: the tail", named([v for v in NAMES if v in variants]), panels)


def sizes(results):
    panel_of = {}
    for variant in results.variants("sizes", "-"):
        run = of_first_round(results, "sizes", "-", variant)
        if run:
            panel_of[variant] = sorted((int(size), r["goodput_mbps"] / 1e3) for size, r in run.items())

    def make(*place):
        y = covering([y for c in panel_of.values() for _, y in c if y > 0], "log")
        panel = Panel(*place, Scale(48, 1.4e6, "log", [64, 256, 1024, 4096, 16384, 65536, 262144, 1048576]), y, "",
                      "bytes a write, logarithmic", "Gbit/s, logarithmic")
        for variant, curve in panel_of.items():
            panel.line(variant, curve)
            panel.dots(variant, curve)
        return panel
    return grid_of_panels("Throughput over loopback against the size of a write", named(panel_of), [make], 1, 300)


def crowd(results):
    wanted = [("kb", "memory in the engine", "KB a connection"), ("cpu", "CPU of engines for a request", "µs"),
              ("p50", "a request, median", "µs"), ("idle", "CPU of engines when idle", "% of a core")]
    variants = results.variants("crowd")
    counts = sorted(results.cases("crowd"), key=int)
    panels = []
    for figure, title, unit in wanted:
        curves = {v: [(int(c), m) for c in counts if (m := results.median("crowd", c, v, figure)) is not None]
                  for v in variants}

        def make(*place, curves=curves, title=title, unit=unit):
            panel = Panel(*place, Scale(8, 13000, "log", [10, 100, 1000, 10000]),
                          covering([y for c in curves.values() for _, y in c]), title, "connections open", unit)
            for variant, curve in curves.items():
                panel.line(variant, curve)
                panel.dots(variant, curve)
            return panel
        panels.append(make)
    return grid_of_panels("What open connections cost", named(variants), panels, 2, 160)


def flat_bars(title, unit, rows, band=None, high=None):
    """Draws horizontal bars. rows: (label, kind, values)."""
    left, row, top = 250, 27, 56
    height = row * len(rows)
    panel = Panel(left, top, WIDTH - left - 60, height, Scale(0, high or max(v for r in rows for v in r[2]) * 1.08),
                  Scale(0, 1, ticks=[0]), "", unit, "", lambda tick: "")
    if band:
        panel.box("band", panel.at_x(band[0]), top, panel.at_x(band[1]) - panel.at_x(band[0]), height)
    for i, (label, kind, values) in enumerate(rows):
        y, median = top + i * row, statistics.median(values)
        panel.text(left - 10, y + 18, label, "", "end")
        panel.box(f"f-{kind}", left, y + 5, panel.at_x(median) - left, row - 10)
        if max(values) > min(values):
            panel.stroke("whisker", panel.at_x(min(values)), y + row / 2, panel.at_x(max(values)), y + row / 2)
        panel.text(panel.at_x(max(values)) + 6, y + 18, f"{median:.3g}", "small")
    return page(WIDTH, top + height + 48, title, panel.out)


def loopback(results):
    return flat_bars("iperf3 over loopback, one connection", "Gbit/s",
                     [(NAMES[v], v, values) for v in results.variants("iperf")
                      if (values := results.values("iperf", "-", v, "goodput"))])


def loopback_cpu(results):
    return flat_bars("CPU time for a gigabyte over loopback: programs, engines, tunnels", "seconds for a gigabyte",
                     [(NAMES[v], v, values) for v in results.variants("iperf")
                      if (values := results.values("iperf", "-", v, "cpu"))])


def share(results):
    rows = []
    for case in results.cases("share"):
        for pair in results.variants("share", case):
            values = results.values("share", case, pair, "share")
            one, other = pair.split(":")
            if values:
                rows.append((f"{case}: {one} beside {other}", one, values))
    return flat_bars("Share of the link of the first of two flows, 60 s", "share; the band is 0.35 to 0.65", rows,
                     (0.35, 0.65), 1)


def trace(results, case, variant):
    """Draws the engine's state over time: window, pacing, round trips."""
    run = of_first_round(results, "trace", case, variant)
    if not run:
        return None
    seconds = [ms / 1e3 for ms in run["ms"]]

    def panel_of(title, unit, curves):
        def make(*place):
            panel = Panel(*place, Scale(0, max(seconds)), covering([y for _, c in curves for _, y in c]), title,
                          "seconds", unit)
            for kind, curve in curves:
                panel.line(kind, curve, 1.4)
            return panel
        return make

    def curve(name, factor):
        return [(s, v * factor) for s, v in zip(seconds, run[name]) if v is not None]
    queue_ms = [(i * run["series_ms"] / 1e3, v) for i, v in enumerate(run["series_queue_ms"])]
    panels = [
        panel_of("Congestion window; bytes in flight (lighter)", "KB",
                 [("soft", curve("bytes_in_flight", 1e-3)), (variant, curve("congestion_window", 1e-3))]),
        panel_of("Pacing rate", "Mbit/s", [(variant, curve("pacing_rate", 1e-6))]),
        panel_of("Round trip, smoothed; latest (lighter)", "ms",
                 [("soft", curve("latest_rtt", 1)), (variant, curve("smoothed_rtt", 1))]),
        panel_of("Queueing delay in the bottleneck", "ms", [(variant, [q for q in queue_ms if q[0] <= max(seconds)])]),
    ]
    return grid_of_panels(f"{NAMES[variant]} over {says(case)}, from its own trace", [], panels, 1, 120, 62)


# file: (the measurement that it needs, the function that draws it)
PLOTS = {"goodput": ("bulk", goodput), "queue": ("bulk", queue), "start-up": ("bulk", start_up),
         "object": ("object", objects), "latency": ("request", latency), "sizes": ("sizes", sizes),
         "crowd": ("crowd", crowd), "loopback": ("iperf", loopback), "loopback-cpu": ("iperf", loopback_cpu),
         "share": ("share", share), "wild": ("wild_bulk", wild.plot)}


def drawn(results):
    """Yields (file, text). A measurement without a successful run has no plot."""
    having = {run["measurement"] for run in results.runs if run["result"] is not None}
    for name, (needs, draw) in PLOTS.items():
        if needs in having:
            yield name, draw(results)
    for case in results.cases("trace"):
        for variant in results.variants("trace", case):
            text = trace(results, case, variant)
            if text:
                yield f"trace-{case}-{variant}", text


def main():
    directory = sys.argv[1]
    for name in os.listdir(directory):
        if name.endswith(".svg"):
            os.unlink(os.path.join(directory, name))
    for name, text in drawn(Results(directory)):
        with open(os.path.join(directory, name + ".svg"), "w") as out:
            out.write(text)


if __name__ == "__main__":
    main()
