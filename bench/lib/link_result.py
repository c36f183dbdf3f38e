#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""link_result.py PATH STATS SERIES CARRIERS-CPU-S MACHINE-BUSY-S SERVER-JSON CLIENT-JSON: one bulk run as JSON.

Wire bytes exclude packets that were sent too late to matter: they count the bytes that a sent before the last one-way
delay, and the bytes that b had sent by then."""
import csv
import json
import sys

from paths import CHANGE_S, LATER_MBPS, path_named


def at(rows, ms):
    """Returns the last row that is not later than this time."""
    return max((row for row in rows if float(row["ms"]) <= ms), key=lambda row: float(row["ms"]),
               default=rows[0])


SETTLED_MS = 2000
GONE_US = 5000
USED_PART = 0.9


def between(rows, column, from_ms, to_ms):
    return int(at(rows, to_ms)[column]) - int(at(rows, from_ms)[column])


def settled_loss(rows, path, end_ms):
    """Returns the lost share of the bytes sent after SETTLED_MS, except those sent too late to arrive."""
    travel_ms = path.rtt_ms / 2
    sent = between(rows, "ab_sent", SETTLED_MS, end_ms - travel_ms)
    return 1 - between(rows, "ab_delivered", SETTLED_MS + travel_ms, end_ms) / sent if sent else None


def gone_s(rows, end_ms):
    """Returns the time from the change until the queue is empty, or until the end if it never is."""
    later = [float(row["ms"]) for row in rows if float(row["ms"]) > CHANGE_S * 1e3 and float(row["ab_queue_us"]) <= GONE_US]
    return min(later, default=end_ms) / 1e3 - CHANGE_S


def used_s(rows, path, end_ms):
    """Returns the time from the change to the end of the first round trip that uses the new rate."""
    trip_ms = path.rtt_ms
    wanted = USED_PART * LATER_MBPS.get(path.name, path.mbps) * 1e3 / 8 * trip_ms
    later = [ms for ms in (float(row["ms"]) for row in rows)
             if ms >= CHANGE_S * 1e3 + trip_ms and between(rows, "ab_delivered", ms - trip_ms, ms) >= wanted]
    return min(later, default=end_ms) / 1e3 - CHANGE_S


def main():
    name, stats_file, series_file, carriers_cpu_s, machine_busy_s, server, client = sys.argv[1:]
    with open(stats_file) as lines:
        stats = json.load(lines)
    with open(series_file) as lines:
        rows = list(csv.DictReader(lines))
    result = {**json.loads(client), **json.loads(server)}
    end_ms = result["elapsed_s"] * 1e3
    wire = (int(at(rows, end_ms - path_named(name).rtt_ms / 2)["ab_sent"]) + int(at(rows, end_ms)["ba_sent"]))
    settled = stats["ab"]["queue_delay_settled"]
    result.update({
        "wire_bytes": wire,
        "wire_ratio": wire / result["bytes"] if result["bytes"] else None,
        "queue_mean_ms": settled["mean_us"] / 1e3,
        "queue_p99_ms": settled["p99_us"] / 1e3,
        "queue_all_p99_ms": stats["ab"]["queue_delay"]["p99_us"] / 1e3,
        "queue_max_ms": stats["ab"]["queue_delay"]["max_us"] / 1e3,
        "settled_loss": settled_loss(rows, path_named(name), end_ms),
        "settled_mbps": between(rows, "ab_delivered", SETTLED_MS, end_ms) * 8e-3 / (end_ms - SETTLED_MS),
        "gone_s": gone_s(rows, end_ms),
        "used_s": used_s(rows, path_named(name), end_ms),
        "queue_marked": stats["ab"]["marked"],
        "queue_drops": stats["ab"]["drops"]["queue"],
        "drops": stats["ab"]["drops"],
        "carriers_cpu_s": float(carriers_cpu_s),
        "machine_busy_s": float(machine_busy_s),
        "linkem": {"cpu_s": stats["cpu_s"], "late_p99_us": max(stats[d]["late"]["p99_us"] for d in ("ab", "ba")),
                   "late_max_us": max(stats[d]["late"]["max_us"] for d in ("ab", "ba")),
                   "overflow": stats["ab"]["drops"]["overflow"]},
        "series_ms": 50,
        "series_queue_ms": [float(row["ab_queue_peak_us"]) / 1e3 for row in rows if float(row["ms"]) <= end_ms],
    })
    print(json.dumps(result))


if __name__ == "__main__":
    main()
