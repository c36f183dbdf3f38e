#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One and two engines that share a port: runs bench/engines in turn, prints medians.

    engines.py [ROUNDS [SECONDS [TEXT]]]   cases whose names contain TEXT (BUILD: where bench/engines is)

docs/decisions/several-engines.md explains the cases.
"""

import json
import os
import statistics
import subprocess
import sys

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "bench", "engines")
ONE_CORE = ("plain", "0", "0", "32")
OTHER_CORE = ("plain", "1", "1", "32")
ACROSS = ("plain", "0", "1", "32")
BACK = ("plain", "1", "0", "32")
# Name, and the parts that run at the same time: mode, processors of engines and of generators, hosts.
CASES = [
    ("1 core: 1 engine", [ONE_CORE]),
    ("1 core: 1 engine, steered", [("steer", "0", "0", "32")]),
    ("1 core: 2 engines, steered", [("steer", "0,0", "0", "32")]),
    ("2 cores: 1 engine", [("plain", "0", "0,1", "64")]),
    ("2 cores: 1 engine, steered", [("steer", "0", "0,1", "64")]),
    ("2 cores: 2 engines, steered", [("steer", "0,1", "0,1", "64")]),
    ("2 cores: 2 engines, hashed", [("hash", "0,1", "0,1", "64")]),
    ("2 unrelated processes, each on a core", [ONE_CORE, OTHER_CORE]),
    ("2 unrelated processes, each on both cores", [ACROSS, BACK]),
]
FIGURES = ["requests_per_s", "engine_us_per_request", "all_us_per_request", "engine_cpus"]


def run(parts, seconds):
    """Returns the combined results of the programs of a case."""
    running = [subprocess.Popen([PROGRAM, *part, seconds], stdout=subprocess.PIPE) for part in parts]
    said = [json.loads(process.communicate()[0]) for process in running]
    rate = sum(one["requests_per_s"] for one in said)
    assert all(one["failed"] == 0 and sum(one["unknown_ids"]) == 0 for one in said), parts
    return {
        "requests_per_s": rate,
        "engine_us_per_request": sum(one["engine_cpus"] for one in said) / rate * 1e6,
        "all_us_per_request": sum(one["all_us_per_request"] * one["requests_per_s"] for one in said) / rate,
        "engine_cpus": sum(one["engine_cpus"] for one in said),
    }


def measure(rounds, seconds, text):
    cases = [case for case in CASES if text in case[0]]
    results = {case[0]: [] for case in cases}
    for number in range(rounds):
        # In alternating order, so that disturbances of the machine affect all cases equally.
        for name, parts in cases if number % 2 == 0 else reversed(cases):
            results[name].append(run(parts, seconds))
    return results


def print_table(results):
    first = next(iter(results.values()))
    print("| case | " + " | ".join(FIGURES) + " | rate, of the first case's | time of all, of the first case's |")
    print("|---|" + "---|" * (len(FIGURES) + 2))
    for name, runs in results.items():
        values = [f"{statistics.median(run[figure] for run in runs):.4g}" for figure in FIGURES]
        # Compared within a round, since the speed of the machine varies.
        for figure in ("requests_per_s", "all_us_per_request"):
            parts = sorted(run[figure] / base[figure] for run, base in zip(runs, first))
            values.append(f"{statistics.median(parts):.3f} ({parts[0]:.2f} to {parts[-1]:.2f})")
        print(f"| {name} | " + " | ".join(values) + " |")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = sys.argv[2] if len(sys.argv) > 2 else "2"
    print_table(measure(rounds, seconds, sys.argv[3] if len(sys.argv) > 3 else ""))


if __name__ == "__main__":
    main()
