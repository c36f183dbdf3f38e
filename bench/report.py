#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py DIRECTORY [--plain-only]: medians and spread of raw.jsonl as JSON, tables and floors.

Exit code 1 when a floor is missed. With --plain-only there is no rudp to judge."""
import json
import os
import statistics
import sys

from results import MEASUREMENTS, Results, machine, variant_name

# What this release promises, of the default congestion control: (says, measurement, metric,
# comparison, limit, unit)
FLOORS = [
    ("one connection over loopback", "loopback", "goodput", ">=", 1.5, "Gbit/s"),
    ("20 MB at 1 % loss, times the ideal", "link_loss_1", "times the ideal", "<=", 2.0, ""),
    ("an idle connection in the engine", "idle", "engine, per connection", "<", 16.0, "KB"),
]
DEFAULT_VARIANT = ("rudp", "bbr")

# The same, beside kernel TCP in the same run: the limit is of rudp's median over kernel TCP's, or of
# the difference where that says more.
BESIDE_TCP = [
    ("events of an edge-triggered server", "events_edge", "events a request", "<=", 2.0, ""),
    ("events of a level-triggered server", "events_level", "events a request", "<=", 2.0, ""),
    ("redis-benchmark -P 16, SET", "redis", "SET", ">=", 0.5, ""),
    ("redis-benchmark -P 16, GET", "redis", "GET", ">=", 0.5, ""),
    ("loading the shim", "load", "median", "<", 1.0, "ms"),
]

COMPARE = {
    ">=": lambda value, limit: value >= limit,
    "<=": lambda value, limit: value <= limit,
    "<": lambda value, limit: value < limit,
}


def number(value):
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def cell(values):
    if not values:
        return "–"
    median = number(statistics.median(values))
    low, high = number(min(values)), number(max(values))
    return median if low == high else f"{median} ({low}–{high})"


def table(results, measurement):
    title, metrics = MEASUREMENTS[measurement]
    lines = [f"### {title}", "",
             "| | runs | " + " | ".join(f"{m}, {u}" if u else m for m, u, _ in metrics) + " |",
             "| --- " * (len(metrics) + 2) + "|"]
    for variant in results.variants(measurement):
        failures = results.failures(measurement, variant)
        runs = f"{len(results.of(measurement, variant))}" + (f", {failures} failed" if failures else "")
        cells = [cell(results.values(measurement, variant, m)) for m, _, _ in metrics]
        lines.append(f"| {variant_name(*variant)} | {runs} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def summary(results, measurement):
    out = {"measurement": measurement, "title": MEASUREMENTS[measurement][0], "variants": []}
    for variant in results.variants(measurement):
        metrics = {}
        for metric, unit, _ in MEASUREMENTS[measurement][1]:
            values = results.values(measurement, variant, metric)
            if values:
                metrics[metric] = {"unit": unit, "median": statistics.median(values),
                                   "min": min(values), "max": max(values)}
        out["variants"].append({"transport": variant[0], "cc": variant[1], "metrics": metrics,
                                "failed": results.failures(measurement, variant),
                                "runs": results.of(measurement, variant)})
    return out


def judge(results, floor):
    """Met or missed; None where this was not measured."""
    says, measurement, metric, comparison, limit, unit = floor
    wanted = f"{comparison} {limit:g} {unit}".rstrip()
    if not results.of(measurement, DEFAULT_VARIANT):
        print(f"floor  not measured  {says}: {wanted}")
        return None
    value = results.median(measurement, DEFAULT_VARIANT, metric)
    fine = (value is not None and COMPARE[comparison](value, limit)
            and not results.failures(measurement, DEFAULT_VARIANT))
    measured = "every run failed" if value is None else f"{number(value)} {unit}".rstrip()
    print(f"floor  {'met' if fine else 'NOT MET'}  {says}: {measured} (must be {wanted})")
    return fine


def judge_beside_tcp(results, floor):
    """As judge, of the ratio; with a unit, of the difference."""
    says, measurement, metric, comparison, limit, unit = floor
    tcp = [v for v in results.variants(measurement) if v[0] == "tcp"]
    ours = results.median(measurement, DEFAULT_VARIANT, metric)
    theirs = results.median(measurement, tcp[0], metric) if tcp else None
    wanted = f"{comparison} {limit:g} {unit}" if unit else f"{comparison} {limit:g} times kernel TCP"
    if not theirs or not results.of(measurement, DEFAULT_VARIANT):
        print(f"floor  not measured  {says}: {wanted}")
        return None
    value = None if ours is None else ours - theirs if unit else ours / theirs
    fine = (value is not None and COMPARE[comparison](value, limit)
            and not results.failures(measurement, DEFAULT_VARIANT))
    measured = "every run failed" if value is None else f"{number(value)} {unit}".rstrip()
    print(f"floor  {'met' if fine else 'NOT MET'}  {says}: {measured} (must be {wanted})")
    return fine


def write_json(directory, name, what):
    with open(os.path.join(directory, name + ".json"), "w") as out:
        json.dump(what, out, indent=1)
        out.write("\n")


def main():
    directory = sys.argv[1]
    results = Results(directory)
    about = machine()
    write_json(directory, "machine", about)
    for measurement in results.measurements():
        write_json(directory, measurement, summary(results, measurement))
    tables = "\n".join(table(results, m) for m in results.measurements())
    with open(os.path.join(directory, "tables.md"), "w") as out:
        out.write(tables)
    print("Medians (lowest–highest). " + ", ".join(f"{k}: {v}" for k, v in about.items()) + "\n")
    print(tables)
    if "--plain-only" in sys.argv:
        return 0
    verdicts = [judge(results, floor) for floor in FLOORS]
    verdicts += [judge_beside_tcp(results, floor) for floor in BESIDE_TCP]
    return 1 if False in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
