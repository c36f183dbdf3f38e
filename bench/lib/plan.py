# SPDX-License-Identifier: MIT
"""The plan of measurements: cases, variants, rounds, and the share of the machine that a run needs."""
from collections import namedtuple

from paths import ACCESS, BARRED, PATHS, RANDOM, path_named

# weight: the share of this machine that a run may use; concurrent runs never exceed 1 together.
Job = namedtuple("Job", "measurement case variant round weight seconds env")

KERNELS = ["tcp-cubic", "tcp-bbr"]
PEERS = KERNELS + ["kcptun-fast2", "kcptun-fast3"]
ALL = PEERS + ["rudp-bbr", "rudp-cubic"]
DEFAULT = "rudp-bbr"
HANDSHAKES = ["rudp-nn", "rudp-psk", "rudp-nk", "rudp-ik", "rudp-nx", "rudp-xx"]
SHARES = ["rudp-bbr:tcp-cubic", "rudp-bbr:tcp-bbr", "rudp-bbr:rudp-bbr", "rudp-cubic:tcp-cubic",
          "rudp-cubic:tcp-bbr", "rudp-cubic:rudp-cubic", "tcp-bbr:tcp-cubic", "tcp-cubic:tcp-cubic",
          "tcp-bbr:tcp-bbr", "kcptun-fast2:tcp-cubic"]
CHATS = ["fanout-100", "fanout-1000", "fanout-2000", "pace-100", "pace-1000", "pace-2000", "login-1000", "login-10000",
         "connect-2000", "join-2000", "quit-2000", "idle-10000"]
NODES = ["fanout-100", "fanout-1000", "fanout-10000", "login-10000", "idle-30000"]
EXCHANGES = ["100-1", "100-50", "10000-1", "10000-50", "pace"]
CARRIERS = ["rudpmsg-rudp", "rudpmsg-tcp", "rudpmsg-store", "mosquitto", "nng", "zeromq"]
CROWDS = ["10", "100", "1000", "10000"]
KERNEL = ["tcp-bbr", "tcp-cubic"]
WILD_PATHS = 200


# What a server cannot do, and why. Tables show the reason; the run is skipped.
CANNOT = {("chat", "connect-2000", "ngircd"): "only 10 may wait",
          ("nodes", "idle-30000", "apollonion"): "see above for 10,000"}


def bulk_weight(case, variant):
    """Slow transfers leave room for concurrent runs; fast ones must not be disturbed."""
    if case == "P7":
        return 1.0
    if case in ("P4", "P6") or (variant.endswith("cubic") and case in ("P2", "P3", "P5")):
        return 0.25
    return 0.5


def wild_weight(case, _):
    """By the rate, as measured for bulk runs; at least the share for starting and ending a run."""
    return min(1.0, 0.12 + path_named(case).mbps / 250)


def wild_object_weight(case, variant):
    """Between two objects nothing is sent."""
    return min(0.5, wild_weight(case, variant))


def constant(weight):
    return lambda case, variant: weight


class Measurement:
    """One row of the plan. quick: other cases, variants, rounds and environment for --quick. wild: uses random paths,
    and runs only on request."""

    def __init__(self, name, cases, variants, rounds, weight, seconds, quick=None, env=None, wild=False):
        self.name, self.cases, self.variants, self.rounds = name, cases, variants, rounds
        self.weight = weight if callable(weight) else constant(weight)
        self.seconds, self.env = seconds, env or {}
        self.quick, self.wild = quick, wild

    def asked_for(self, only):
        return self.name in only or (self.wild and "wild" in only) or not (only or self.wild)

    def jobs(self, quick, rounds=None, wild=()):
        if quick and self.quick is None:
            return []
        changed = self.quick if quick else {}
        env = {**self.env, **changed.get("env", {})}
        cases = wild if self.wild else changed.get("cases", self.cases)
        variants = changed.get("variants", self.variants)
        return [Job(self.name, case, variant, number, self.weight(case, variant),
                    changed.get("seconds", self.seconds_of(case)), env)
                for number in range(1, (rounds or changed.get("rounds", self.rounds)) + 1)
                for case in cases for variant in variants if self.sensible(case, variant)]

    def seconds_of(self, case):
        return path_named(case).seconds + 1.5 if self.name in ("bulk", "access", "cost", "wild_bulk") else self.seconds

    def sensible(self, case, variant):
        if (self.name, case, variant) in CANNOT:
            return False
        # A tunnel's requests cost a hundred times more, and it does not make ten thousand connections.
        return not (self.name == "redis" and case == "16" and variant.startswith("kcptun"))


QUICK_PAIR = ["tcp-bbr", "rudp-bbr"]

PLAN = [
    Measurement("bulk", BARRED, ALL, 3, bulk_weight, 0,
                {"cases": ["P1", "P2", "P3"], "variants": QUICK_PAIR, "rounds": 1, "seconds": 7.5,
                 "env": {"BULK_SECONDS": "6"}}),
    Measurement("object", BARRED, ALL + ["rudp-stranger", "rudp-early"], 1, 0.34, 10,
                {"cases": ["P1", "P2", "P3"], "variants": QUICK_PAIR, "seconds": 4,
                 "env": {"OBJECT_COUNT": "5"}}),
    Measurement("access", ACCESS, KERNELS + [DEFAULT], 1, 0.5, 0),
    Measurement("ecn", ["ECN"], ["tcp-cubic", DEFAULT, "rudp-cubic"], 1, 0.5, 17),
    Measurement("request", ["P2", "P3"], PEERS + [DEFAULT], 3, 0.25, 12,
                {"variants": QUICK_PAIR, "rounds": 1, "seconds": 6, "env": {"REQUESTS_EACH": "50"}}),
    Measurement("message", ["P2", "P3"], PEERS + [DEFAULT], 3, 0.25, 22,
                {"variants": QUICK_PAIR, "rounds": 1, "seconds": 10, "env": {"MESSAGE_SECONDS": "8"}}),
    Measurement("first_byte", ["plain", "fastopen"], ["tcp", "tls", "kcptun-fast2", DEFAULT], 3, 0.34, 4,
                {"variants": ["tcp", DEFAULT], "rounds": 1}),
    Measurement("share", ["P1", "P6"], SHARES, 1, lambda case, _: 0.5 if case == "P1" else 0.25, 62),
    Measurement("crowd_share", ["P1"], ["tcp-bbr", DEFAULT], 1, 1.0, 34),
    Measurement("iperf", ["-"], ["tcp-cubic", "tcp-bbr", "tls", "kcptun-fast2", DEFAULT, "rudp-cubic", "rudp-two"],
                5, 1.0, 6.5,
                {"variants": ["tcp-bbr", DEFAULT, "rudp-two"], "rounds": 2, "seconds": 3.5,
                 "env": {"IPERF_SECONDS": "2"}}),
    Measurement("sizes", ["-"], ["tcp", "tls", "kcptun-fast2", DEFAULT], 1, 1.0, 18),
    Measurement("pingpong", ["-"], ["tcp", "tls", "kcptun-fast3", DEFAULT, "rudp-two"], 3, 1.0, 3,
                {"variants": ["tcp", DEFAULT], "rounds": 1}, {"PINGPONG_COUNT": "10000"}),
    Measurement("redis", ["1", "16"], ["tcp", "kcptun-fast2", DEFAULT], 3, 1.0, 7,
                {"variants": ["tcp", DEFAULT], "rounds": 1}),
    Measurement("setup", ["alone", "request"], ["tcp", DEFAULT], 3, 1.0, 3, {"rounds": 1}),
    # Cases: full handshakes, or nearly all resumed.
    Measurement("handshake", ["full", "resumed"], HANDSHAKES, 5, 1.0, 3, {"cases": ["full"], "rounds": 1}),
    Measurement("events", ["edge", "level"], ["tcp", DEFAULT], 3, 0.5, 1.5, {"rounds": 1}),
    Measurement("load", ["-"], ["tcp", DEFAULT], 3, 1.0, 2, {"rounds": 1}),
    Measurement("crowd", CROWDS, ["tcp", DEFAULT], 1, 1.0, 72,
                {"cases": ["1000"], "seconds": 10, "env": {"CROWD_SETTLE_S": "5", "CROWD_IDLE_S": "3"}}),
    Measurement("chat", CHATS, ["apollonion", "ngircd", "inspircd"], 3, 1.0, 9,
                {"cases": ["fanout-100", "pace-100", "login-1000"], "rounds": 1, "seconds": 5,
                 "env": {"CHAT_SECONDS": "3"}}),
    Measurement("nodes", NODES, ["apollonion", "apollonion-3"], 3, 1.0, 12, {"cases": ["fanout-1000"], "rounds": 1}),
    Measurement("exchange", EXCHANGES, CARRIERS, 3, 1.0, 6,
                {"cases": ["100-1", "pace"], "rounds": 1, "seconds": 3, "env": {"EXCHANGE_PART": "5"}}),
    Measurement("idle_peers", ["tcp", "rudp"], ["rudpmsg"], 1, 1.0, 20),
    # It measures the busy time of the whole machine, so it runs alone.
    Measurement("cost", BARRED, KERNEL + [DEFAULT], 3, 1.0, 0),
    # Cases are numbers of hosts: ten times as many must not cost more per GB.
    Measurement("day", ["5", "50"], KERNEL + [DEFAULT], 2, 1.0, 50),
    Measurement("trace", ["P1", "P2", "P3", "P5", "P6"], [DEFAULT, "rudp-cubic"], 1, 0.5, 14),
    Measurement("wild_bulk", [], KERNEL + [DEFAULT], 1, wild_weight, 0, wild=True),
    Measurement("wild_object", [], KERNEL + [DEFAULT], 1, wild_object_weight, 9, wild=True),
    Measurement("wild_request", [], KERNEL + [DEFAULT], 1, lambda case, _: 0.2, 9, wild=True),
]

# A tunnel is slow with many requests; fewer of them give the same information.
FEWER = {"redis": {"REDIS_REQUESTS": "10000"}, "pingpong": {"PINGPONG_COUNT": "1000"}}


def env_of(job):
    env = dict(job.env)
    if job.variant.startswith("kcptun"):
        env.update(FEWER.get(job.measurement, {}))
    return env


def names():
    return [m.name for m in PLAN] + ["wild"]


def jobs(quick=False, only=(), paths=(), variants=(), plain_only=False, rounds=None, seeds=()):
    """In the order in which they shall run: each round takes all variants in turn."""
    wild = [p for p in paths if RANDOM.fullmatch(p)] or [f"wild-{seed}" for seed in seeds or range(1, WILD_PATHS + 1)]

    def wanted(job):
        if paths and job.case not in paths and (job.case in PATHS or RANDOM.fullmatch(job.case)):
            return False
        if variants and not set(job.variant.split(":")) <= set(variants):
            return False
        return not (plain_only and "rudp" in job.variant)

    return [job for m in PLAN if m.asked_for(only)
            for job in m.jobs(quick, rounds, wild) if wanted(job)]
