#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""day_result.py VARIANT LINK-STATS DIRECTORY QUIET-S POUR-S MEMORY SAMPLE SAMPLE SAMPLE: a server's day as one line of JSON.

The samples are from the start of the quiet part, from the start of the part with downloads, and from its end. The
output of the clients is in the directory."""
import glob
import json
import os
import sys


def last_line(name):
    with open(name) as lines:
        return json.loads(lines.read().splitlines()[-1])


def quantile(values, share):
    """Returns a percentile by the nearest-rank method."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)] if values else None


def jain(values):
    squares = sum(v * v for v in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 0


def cpu_between(before, after):
    return {"server_cpu_s": after["server"]["server_cpu_s"] - before["server"]["server_cpu_s"],
            "carriers_cpu_s": after["carriers_cpu_s"] - before["carriers_cpu_s"],
            "machine_busy_s": after["machine_busy_s"] - before["machine_busy_s"]}


def part(latencies_ms, cpu):
    return {"requests": len(latencies_ms), "p50_ms": quantile(latencies_ms, 50), "p99_ms": quantile(latencies_ms, 99),
            "max_ms": max(latencies_ms), **cpu}


def main():
    variant, link_stats, directory, quiet_s, pour_s, memory, *samples = sys.argv[1:]
    samples = [json.loads(sample) for sample in samples]
    clients = [last_line(name) for name in glob.glob(os.path.join(directory, "client*.out"))]
    pours = [count for client in clients for count in client["pour_bytes"]]
    with open(link_stats) as text:
        stats = json.load(text)
    if variant.startswith("rudp") and any(stats[way]["sent"]["tcp"]["payload_bytes"] for way in ("ab", "ba")):
        sys.exit("not over rudp: TCP on the link")
    print(json.dumps({
        "hosts": len(clients), "clients": len(pours), "bytes": sum(pours), "jain": jain(pours),
        "jain_of_hosts": jain([sum(client["pour_bytes"]) for client in clients]),
        "goodput_mbps": sum(pours) * 8 / 1e6 / float(pour_s),
        "quiet_s": float(quiet_s), "pour_s": float(pour_s),
        "unanswered": sum(client["unanswered"] for client in clients),
        "quiet": part([ms for client in clients for ms in client["quiet_ms"]], cpu_between(samples[0], samples[1])),
        "pour": part([ms for client in clients for ms in client["pour_ms"]], cpu_between(samples[1], samples[2])),
        "memory": json.loads(memory),
        "linkem": {"late_p99_us": max(stats[way]["late"]["p99_us"] for way in ("ab", "ba")), "cpu_s": stats["cpu_s"]},
    }))


if __name__ == "__main__":
    main()
