#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trace_result.py DIRECTORY SERIES SECONDS: the sender's trace (qlog 0.3, JSON-SEQ) thinned to a curve.

If there are several traces, it takes the one with the most data sent. Times are in milliseconds, windows in bytes,
rates in bit/s, as in qlog."""
import csv
import json
import os
import sys

POINTS = 400
WANTED = ("congestion_window", "bytes_in_flight", "smoothed_rtt", "latest_rtt", "min_rtt", "pacing_rate")


def events(path):
    """Ignores a line without its end, which the engine may still be writing (RFC 7464, section 2.3)."""
    with open(path, encoding="utf-8") as text:
        for record in text.read().split("\x1e"):
            if record.endswith("\n"):
                yield json.loads(record)


def curve(path):
    known, points = {}, []
    for event in events(path):
        if event.get("name") == "recovery:metrics_updated":
            known.update({k: v for k, v in event["data"].items() if k in WANTED})
            points.append((float(event["time"]), dict(known)))
    return points


def thin(points):
    step = max(1, len(points) // POINTS)
    return points[::step]


def main():
    directory, series_file, _ = sys.argv[1:]
    curves = [curve(os.path.join(directory, name)) for name in sorted(os.listdir(directory))]
    points = max(curves, key=lambda c: max((p.get("bytes_in_flight", 0) for _, p in c), default=0), default=[])
    if not points:
        sys.exit("no trace with metrics in " + directory)
    start_ms = points[0][0]
    kept = thin(points)
    with open(series_file) as lines:
        # So may the link.
        rows = list(csv.DictReader(line for line in lines if line.endswith("\n")))
    print(json.dumps({
        "ms": [round(at - start_ms, 1) for at, _ in kept],
        **{name: [p.get(name) for _, p in kept] for name in WANTED},
        "series_ms": 50, "series_queue_ms": [float(row["ab_queue_peak_us"]) / 1e3 for row in rows],
    }))


if __name__ == "__main__":
    main()
