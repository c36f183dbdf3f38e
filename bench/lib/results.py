# SPDX-License-Identifier: MIT
"""The raw lines of bench/run.py, grouped: what tables, bars and plots ask for."""
import json
import os
import platform
import statistics

from paths import PATHS, ideal_mbps

LATE_MAX_US = 5000
DISTURBANCE_MAX = 0.1  # of one processor
LATE_MAX_OF_RTT, LATE_ALWAYS_US = 0.25, 1000  # of random paths, whose round trip may be a millisecond

NAMES = {
    "tcp": "kernel TCP", "tcp-cubic": "kernel TCP, cubic", "tcp-bbr": "kernel TCP, bbr",
    "tls": "TLS over kernel TCP (stunnel)", "kcptun-fast2": "kcptun, fast2", "kcptun-fast3": "kcptun, fast3",
    "rudpmsg-rudp": "rudpmsg over rudp", "rudpmsg-tcp": "rudpmsg over TCP",
    "rudpmsg-store": "rudpmsg over rudp, on disk at both ends", "mosquitto": "mosquitto, QoS 1",
    "nng": "nng, no promise", "zeromq": "ZeroMQ, no promise", "rudpmsg": "rudpmsg",
    "apollonion": "Apollonion", "apollonion-3": "three nodes of Apollonion", "ngircd": "ngIRCd", "inspircd": "InspIRCd",
    "rudp-bbr": "rudp, bbr (default)", "rudp-cubic": "rudp, cubic", "rudp-two": "rudp, bbr, two engines",
    "rudp-stranger": "rudp, bbr, path not known", "rudp-early": "rudp, bbr, early data by a rule",
    "rudp-nn": "NN, no key", "rudp-psk": "NN, a secret", "rudp-nk": "NK: the server is known",
    "rudp-ik": "IK: and the client has an identity", "rudp-nx": "NX: the server is not known yet",
    "rudp-xx": "XX: and the client has an identity",
}


def cpu_per_gb(result):
    return (result["programs_cpu_s"] + result["carriers_cpu_s"]) / (result["bytes"] / 1e9)


def crowd_kb(result):
    """The greater value of the client's and the server's engine."""
    return max(result["client_engine_kb"], result["server_engine_kb"]) / result["open"]["connections"]


def exchange_cpu_us(result):
    """The sum over both programs and the processes between them, such as a broker."""
    return (result["sender"]["sender_cpu_s"] + result["receiver_cpu_s"] + result["others_cpu_s"]) / result["messages"] * 1e6


def crowd_cpu_us(result):
    return result["carriers_cpu_s"] / result["requests"] * 1e6


BULK = {
    "goodput": lambda r: r["goodput_mbps"],
    "wire": lambda r: r["wire_ratio"],
    "queue_mean": lambda r: r["queue_mean_ms"],
    "queue_p99": lambda r: r["queue_p99_ms"],
    "queue_p99_all": lambda r: r.get("queue_all_p99_ms"),
    "cpu": lambda r: (r["client_cpu_s"] + r["server_cpu_s"] + r["carriers_cpu_s"]) / (r["bytes"] / 1e9),
    "late_p99": lambda r: r["linkem"]["late_p99_us"] / 1e3,
    "marked": lambda r: r.get("queue_marked"),
    "dropped": lambda r: r["queue_drops"],
}

# measurement: {figure: value of one result}
FIGURES = {
    "bulk": BULK,
    "ecn": BULK,
    "cost": {"machine": lambda r: r["machine_busy_s"] / (r["bytes"] / 1e9), "goodput": lambda r: r["goodput_mbps"],
             "cpu": BULK["cpu"]},
    "day": {
        "goodput": lambda r: r["goodput_mbps"], "jain": lambda r: r["jain"],
        "machine": lambda r: r["pour"]["machine_busy_s"] / (r["bytes"] / 1e9),
        "server": lambda r: (r["pour"]["server_cpu_s"] + r["pour"]["carriers_cpu_s"]) / (r["bytes"] / 1e9),
        "request_machine": lambda r: r["quiet"]["machine_busy_s"] / r["quiet"]["requests"] * 1e6,
        "request_server": lambda r: (r["quiet"]["server_cpu_s"] + r["quiet"]["carriers_cpu_s"]) / r["quiet"]["requests"] * 1e6,
        "p99": lambda r: r["pour"]["p99_ms"], "p99_quiet": lambda r: r["quiet"]["p99_ms"],
        "user_mb": lambda r: (r["memory"]["engine_kb"] + r["memory"]["program_kb"]) / 1e3,
        "kernel_mb": lambda r: (r["memory"]["slab_kb"] + r["memory"]["tcp_kb"]) / 1e3,
    },
    "wild_bulk": BULK,
    "wild_object": {"small": lambda r: r["small"]["complete_ms"]["p50"], "large": lambda r: r["large"]["complete_ms"]["p50"]},
    "wild_request": {"p99": lambda r: r["latency_ms"]["p99"]},
    "access": {**BULK, "settled_loss": lambda r: r["settled_loss"], "settled": lambda r: r["settled_mbps"],
               "gone": lambda r: r["gone_s"], "used": lambda r: r["used_s"]},
    "object": {"first_byte": lambda r: r["first_byte_ms"]["p50"], "p50": lambda r: r["complete_ms"]["p50"], "p90": lambda r: r["complete_ms"]["p90"]},
    "request": {
        "p50": lambda r: r["latency_ms"]["p50"], "p90": lambda r: r["latency_ms"]["p90"],
        "p99": lambda r: r["latency_ms"]["p99"], "max": lambda r: r["latency_ms"]["max"],
        "wire": lambda r: r["wire_bytes"] / r["payload_bytes"],
    },
    "message": {
        "p50": lambda r: r["latency_ms"]["p50"], "p99": lambda r: r["latency_ms"]["p99"],
        "max": lambda r: r["latency_ms"]["max"], "wire": lambda r: r["wire_bytes"] / r["payload_bytes"],
    },
    "first_byte": {"p50": lambda r: r["first_byte_ms"]["p50"], "max": lambda r: r["first_byte_ms"]["max"],
                   "first": lambda r: r["first_connection_ms"]},
    "share": {"share": lambda r: r["share"], "sum": lambda r: r["one"]["goodput_mbps"] + r["other"]["goodput_mbps"]},
    "crowd_share": {"jain": lambda r: r["jain"], "goodput": lambda r: r["goodput_mbps"]},
    "iperf": {"goodput": lambda r: r["gbps"], "cpu": cpu_per_gb,
              "carriers": lambda r: r["carriers_cpu_s"] / (r["bytes"] / 1e9)},
    "pingpong": {"p50": lambda r: r["latency_ms"]["p50"] * 1e3, "p99": lambda r: r["latency_ms"]["p99"] * 1e3,
                 "carriers": lambda r: r["carriers_cpu_s"] / r["requests"] * 1e6},
    "redis": {"set": lambda r: r["set_per_second"], "get": lambda r: r["get_per_second"],
              "carriers": lambda r: r["carriers_cpu_s"] / r["requests"] * 1e6},
    "setup": {"rate": lambda r: r["per_second"], "connect_p50": lambda r: r["connect_ms"]["p50"] * 1e3,
              "connect_p99": lambda r: r["connect_ms"]["p99"] * 1e3,
              "carriers": lambda r: r["carriers_cpu_s"] / r["connections"] * 1e6},
    "handshake": {"rate": lambda r: r["per_second"], "connect_p50": lambda r: r["connect_ms"]["p50"] * 1e3,
                  "first_byte": lambda r: r["request"]["first_byte_ms"]["p50"] * 1e3 if "request" in r else None,
                  "carriers": lambda r: r["carriers_cpu_s"] / r["connections"] * 1e6,
                  "wire": lambda r: r["wire_bytes"] / r["connections"]},
    "events": {"events": lambda r: r["events"] / r["requests"], "waits": lambda r: r["waits"] / r["requests"]},
    "idle_peers": {"bytes": lambda r: r["bytes_each"], "peers": lambda r: r["peers"]},
    "exchange": {
        "rate": lambda r: r["per_s"], "cpu": exchange_cpu_us, "p50": lambda r: r["late_us"]["p50"] or None,
        "p99": lambda r: r["late_us"]["p99"] or None, "fsyncs": lambda r: r["fsyncs_per_s"],
    },
    "chat": {
        "rate": lambda r: r.get("per_s"), "elapsed": lambda r: r.get("elapsed_s"),
        "p99": lambda r: r["late_ms"]["p99"] if "late_ms" in r else None,
        "kb": lambda r: r["server_kb"] / r["logins"] if "server_kb" in r else None,
    },
    "nodes": {
        "rate": lambda r: r["per_s"] if "per_s" in r else r["logins"] / r["elapsed_s"],
        "kb": lambda r: r["server_kb"] / r["logins"] if "server_kb" in r else None,
        "stream": lambda r: r["stream_bytes"] / r["lines"] if "stream_bytes" in r and "lines" in r else None,
    },
    "load": {"median": lambda r: r["median_ms"], "mean": lambda r: r["mean_ms"]},
    "crowd": {
        "kb": crowd_kb, "slab": lambda r: r["kernel_slab_kb"] / r["open"]["connections"], "cpu": crowd_cpu_us,
        "idle": lambda r: r["idle_cpu_s"] / r["idle_s"] * 100, "p50": lambda r: r["latency_ms"]["p50"] * 1e3,
        "rate": lambda r: r["open"]["connections"] / r["open"]["elapsed_s"],
    },
}


def is_disturbed(run):
    """Other programs kept the machine busy while its busy time was measured."""
    return max((run["result"] or {}).get("disturbance", [0])) > DISTURBANCE_MAX


def is_late(run):
    """The emulator did not get the processor in time, so the path was not emulated correctly."""
    limit_us = LATE_MAX_US
    if run.get("path"):
        limit_us = min(LATE_MAX_US, max(LATE_ALWAYS_US, run["path"]["rtt_ms"] * 1e3 * LATE_MAX_OF_RTT))
    return (run["result"] or {}).get("linkem", {}).get("late_p99_us", 0) > limit_us


def is_spoiled(run):
    return is_late(run) or is_disturbed(run)


class Results:
    def __init__(self, directory):
        with open(os.path.join(directory, "raw.jsonl")) as lines:
            self.runs = [json.loads(line) for line in lines]

    def of(self, measurement, case, variant):
        """All runs, including failed ones (result is None)."""
        return [run for run in self.runs
                if (run["measurement"], run["case"], run["variant"]) == (measurement, case, variant)]

    def results(self, measurement, case, variant):
        return [run["result"] for run in self.of(measurement, case, variant)
                if run["result"] is not None and not is_spoiled(run)]

    def failures(self, measurement, case, variant):
        return sum(run["result"] is None for run in self.of(measurement, case, variant))

    def values(self, measurement, case, variant, figure):
        take = FIGURES[measurement][figure]
        return [value for value in map(take, self.results(measurement, case, variant)) if value is not None]

    def median(self, measurement, case, variant, figure):
        """None if all runs failed."""
        values = self.values(measurement, case, variant, figure)
        return statistics.median(values) if values else None

    def cases(self, measurement):
        return list(dict.fromkeys(run["case"] for run in self.runs if run["measurement"] == measurement))

    def variants(self, measurement, case=None):
        """In the order of NAMES; pairs (of shares) as they came."""
        seen = dict.fromkeys(run["variant"] for run in self.runs
                             if run["measurement"] == measurement and case in (None, run["case"]))
        return sorted(seen, key=lambda v: list(NAMES).index(v) if v in NAMES else -1)

    def share_of_ideal(self, path, variant, measurement="bulk"):
        goodput = self.median(measurement, path, variant, "goodput")
        return None if goodput is None else goodput / ideal_mbps(PATHS[path])


def first_field(path, key=""):
    try:
        with open(path) as lines:
            for line in lines:
                if line.startswith(key):
                    return line.split(":", 1)[-1].strip() if key else line.strip()
    except OSError:
        pass
    return "unknown"


def machine(results):
    """Describes the runs, and the machine. The report must be made on the machine of the measurements."""
    loads = [run["load"] for run in results.runs]
    return {
        "runs": len(results.runs),
        "left_out_because_the_emulator_was_late": sum(map(is_late, results.runs)),
        "left_out_because_others_were_at_work": sum(map(is_disturbed, results.runs)),
        "from": min((run["date"] for run in results.runs), default="never"),
        "to": max((run["date"] for run in results.runs), default="never"),
        "kernel": ", ".join(sorted({run["kernel"] for run in results.runs})) or platform.release(),
        "cpu": first_field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "load_median": statistics.median(loads) if loads else None,
        "load_max": max(loads, default=None),
        "tcp_congestion_control": first_field("/proc/sys/net/ipv4/tcp_congestion_control"),
        "rmem_max": first_field("/proc/sys/net/core/rmem_max"),
        "wmem_max": first_field("/proc/sys/net/core/wmem_max"),
    }
