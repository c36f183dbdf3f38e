# SPDX-License-Identifier: MIT
"""The raw lines of bench/run.sh, grouped: what report.py tells and plot.py draws."""
import datetime
import json
import os
import platform
import statistics

RTT_S = 0.050
LINK_BITS_PER_S = 100e6
REDIS_REQUESTS = 400000  # SET and GET

VARIANTS = [("tcp", "reno"), ("tcp", "cubic"), ("tcp", "bbr"), ("rudp", "bbr"), ("rudp", "cubic")]


def variant_name(transport, cc):
    return ("kernel TCP, " if transport == "tcp" else "rudp, ") + cc


def link_ideal_s(byte_count):
    """One round trip to connect, the bytes without any header at the link's rate, one until the
    sender knows."""
    return 2 * RTT_S + byte_count * 8 / LINK_BITS_PER_S


def cpu_per_gb(run):
    result = run["result"]
    total = result["client_cpu_s"] + result["server_cpu_s"] + run["engine_cpu_s"]
    return total / (result["bytes"] / 1e9)


def engine_kb_each(run):
    """The engine with more of it: client's or server's."""
    most = max(run["client_engine_kb"], run["server_engine_kb"])
    return most / run["result"]["connections"]


def bulk(key, scale=1.0):
    return lambda run: run["result"][key] * scale


def latency(key):
    return lambda run: run["result"]["latency_ms"][key]


LINK_METRICS = [
    ("time", "s", bulk("elapsed_s")),
    ("times the ideal", "", lambda run: run["result"]["elapsed_s"] / link_ideal_s(run["result"]["bytes"])),
    ("bytes on the wire per byte", "", lambda run: run["wire_bytes"] / run["result"]["bytes"]),
    ("dropped by the queue", "packets", lambda run: run["queue_drops"]),
]

EVENTS_METRICS = [
    ("events a request", "", lambda run: run["result"]["events"] / run["result"]["requests"]),
    ("returns of epoll_wait a request", "", lambda run: run["result"]["waits"] / run["result"]["requests"]),
]

# measurement: (title, [(metric, unit, value of one run)])
MEASUREMENTS = {
    "loopback": ("One connection over loopback", [
        ("goodput", "Gbit/s", bulk("goodput_mbps", 1e-3)),
        ("CPU, programs and engine", "s/GB", cpu_per_gb),
        ("of it the engine", "s/GB", lambda run: run["engine_cpu_s"] / (run["result"]["bytes"] / 1e9)),
    ]),
    "link_loss_0": ("20 MB over 100 Mbit/s, 50 ms, queue of one BDP, no loss", LINK_METRICS),
    "link_loss_1": ("20 MB over the same link, 1 % loss each way", LINK_METRICS),
    "idle": ("1,000 idle connections", [
        ("engine, per connection", "KB", engine_kb_each),
        ("kernel slab, per connection, both ends", "KB",
         lambda run: run["kernel_slab_kb"] / run["result"]["connections"]),
    ]),
    "latency": ("200 bytes there and back, 50 ms, 1 % loss each way, 20 connections", [
        ("p50", "ms", latency("p50")),
        ("p90", "ms", latency("p90")),
        ("p99", "ms", latency("p99")),
        ("max", "ms", latency("max")),
    ]),
    "setup": ("Connect, a byte each way, close, one after the other over loopback", [
        ("connections", "/s", bulk("per_second")),
        ("connect p50", "ms", lambda run: run["result"]["connect_ms"]["p50"]),
        ("connect p99", "ms", lambda run: run["result"]["connect_ms"]["p99"]),
    ]),
    "events_edge": ("Events an epoll server sees for a request, edge-triggered, 10 connections, loopback",
                    EVENTS_METRICS),
    "events_level": ("The same, level-triggered", EVENTS_METRICS),
    "redis": ("redis-benchmark -P 16 over loopback, 50 clients", [
        ("SET", "/s", bulk("set_per_second")),
        ("GET", "/s", bulk("get_per_second")),
        ("CPU of the engine", "µs/request", lambda run: run["engine_cpu_s"] / REDIS_REQUESTS * 1e6),
    ]),
    "load": ("/bin/true, which opens no socket, without and with the shim", [
        ("mean", "ms", bulk("mean_ms")),
        ("median", "ms", bulk("median_ms")),
    ]),
}


class Results:
    def __init__(self, directory):
        with open(os.path.join(directory, "raw.jsonl")) as lines:
            self.runs = [json.loads(line) for line in lines]

    def measurements(self):
        seen = {run["measurement"] for run in self.runs}
        return [name for name in MEASUREMENTS if name in seen]

    def variants(self, measurement):
        seen = {(run["transport"], run["cc"]) for run in self.runs if run["measurement"] == measurement}
        return [variant for variant in VARIANTS if variant in seen]

    def of(self, measurement, variant):
        """All runs, those that failed (result is None) included."""
        return [run for run in self.runs if run["measurement"] == measurement
                and (run["transport"], run["cc"]) == variant]

    def values(self, measurement, variant, metric):
        [value] = [m[2] for m in MEASUREMENTS[measurement][1] if m[0] == metric]
        return [value(run) for run in self.of(measurement, variant) if run["result"] is not None]

    def failures(self, measurement, variant):
        return sum(run["result"] is None for run in self.of(measurement, variant))

    def median(self, measurement, variant, metric):
        """None where no run came to an end."""
        values = self.values(measurement, variant, metric)
        return statistics.median(values) if values else None


def first_field(path, key=""):
    try:
        with open(path) as lines:
            for line in lines:
                if line.startswith(key):
                    return line.split(":", 1)[-1].strip() if key else line.strip()
    except OSError:
        pass
    return "unknown"


def machine():
    return {
        "date": datetime.date.today().isoformat(),
        "kernel": platform.release(),
        "cpu": first_field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "load_average_at_start": os.environ.get("LOAD_AT_START", "unknown"),
        "tcp_congestion_control": first_field("/proc/sys/net/ipv4/tcp_congestion_control"),
        "rmem_max": first_field("/proc/sys/net/core/rmem_max"),
        "wmem_max": first_field("/proc/sys/net/core/wmem_max"),
    }
