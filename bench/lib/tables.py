# SPDX-License-Identifier: MIT
"""Tables in Markdown. A cell is the median, with lowest and highest below where they differ."""
import statistics

import bars
from paths import PATHS, ideal_mbps, ideal_object_ms
from plan import CANNOT, DEFAULT
from results import NAMES, machine
import wild

OBJECT_BYTES = 1000000
NONE = "–"


def number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(values):
    if not values:
        return NONE
    median, low, high = number(statistics.median(values)), number(min(values)), number(max(values))
    return median if low == high else f"{median} <sub>{low}–{high}</sub>"


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def by_case(results, measurement, figure, cases=None, extra=()):
    """Variants down, cases across."""
    cases = [c for c in (cases or PATHS) if c in results.cases(measurement)]
    rows = [[name] + [value(c) for c in cases] for name, value in extra]
    for variant in results.variants(measurement):
        rows.append([NAMES[variant]] + [cell(results.values(measurement, c, variant, figure)) for c in cases])
    return markdown([""] + cases, rows)


def by_figure(results, measurement, case, columns):
    """Variants down, figures across. columns: (heading, figure)."""
    rows = []
    for variant in results.variants(measurement, case):
        failures = results.failures(measurement, case, variant)
        name = NAMES[variant] + (f" ({failures} failed)" if failures else "")
        rows.append([name] + [cell(results.values(measurement, case, variant, f)) for _, f in columns])
    return markdown([""] + [heading for heading, _ in columns], rows)


def about(results):
    return markdown(["machine", ""], [[key.replace("_", " "), str(value)] for key, value in machine(results).items()])


def goodput(results):
    return by_case(results, "bulk", "goodput", extra=[("ideal", lambda c: number(ideal_mbps(PATHS[c])))])


def objects(results):
    return by_case(results, "object", "p50",
                   extra=[("ideal", lambda c: number(ideal_object_ms(PATHS[c], OBJECT_BYTES)))])


def latency(results, measurement):
    head = ["", "P2 p50", "P2 p99", "P3 p50", "P3 p99", "wire bytes a byte, P2"]
    rows = [[NAMES[v]] + [cell(results.values(measurement, c, v, f)) for c in ("P2", "P3") for f in ("p50", "p99")]
            + [cell(results.values(measurement, "P2", v, "wire"))] for v in results.variants(measurement)]
    return markdown(head, rows)


def first_byte(results):
    head = ["", "p50", "highest", "the very first", "with data in the SYN, p50"]
    rows = [[NAMES[v]] + [cell(results.values("first_byte", "plain", v, f)) for f in ("p50", "max", "first")]
            + [cell(results.values("first_byte", "fastopen", v, "p50"))] for v in results.variants("first_byte")]
    return markdown(head, rows)


def shares(results):
    head = ["one", "other", "P1: share of the one", "P1: both, Mbit/s", "P6: share of the one", "P6: both, Mbit/s"]
    rows = []
    for pair in dict.fromkeys(run["variant"] for run in results.runs if run["measurement"] == "share"):
        one, other = pair.split(":")
        rows.append([NAMES[one], NAMES[other]] + [cell(results.values("share", c, pair, f))
                                                  for c in ("P1", "P6") for f in ("share", "sum")])
    return markdown(head, rows)


def sizes(results):
    variants = results.variants("sizes", "-")
    runs = {v: results.results("sizes", "-", v) for v in variants}
    every = sorted({int(size) for rs in runs.values() for r in rs for size in r})
    rows = [[f"{size:,}"] + [cell([r[str(size)]["goodput_mbps"] / 1e3 for r in runs[v] if str(size) in r])
                             for v in variants] for size in every]
    return markdown(["bytes a write"] + [NAMES[v] for v in variants], rows)


def crowd(results):
    head = ["", "open", "KB in the engine, each", "KB in the kernel, each", "idle, % of a core", "CPU a request, µs",
            "request p50, µs", "set up a second"]
    rows = [[NAMES[v], f"{int(c):,}"] + [cell(results.values("crowd", c, v, f))
                                         for f in ("kb", "slab", "idle", "cpu", "p50", "rate")]
            for v in results.variants("crowd") for c in sorted(results.cases("crowd"), key=int)]
    return markdown(head, rows)


def day(results):
    columns = [("Mbit/s", "goodput"), ("Jain's index of the downloads", "jain"), ("request p99, ms", "p99"),
               ("without downloads, ms", "p99_quiet"), ("CPU of the machine, s/GB", "machine"),
               ("of server and engine", "server"), ("CPU of the machine a request, µs", "request_machine"),
               ("of server and engine", "request_server"), ("server and engine, MB", "user_mb"),
               ("kernel, both ends, MB", "kernel_mb")]
    rows = [[NAMES[v], c] + [cell(results.values("day", c, v, f)) for _, f in columns]
            for c in sorted(results.cases("day"), key=int) for v in results.variants("day", c)]
    return markdown(["", "hosts"] + [heading for heading, _ in columns], rows)


def setup(results, case):
    return by_figure(results, "setup", case, [
        ("a second", "rate"), ("connect p50, µs", "connect_p50"), ("connect p99, µs", "connect_p99"),
        ("CPU of the engine, µs each", "carriers")])


def handshake(results, case):
    return by_figure(results, "handshake", case, [
        ("a second", "rate"), ("connect p50, µs", "connect_p50"), ("first byte p50, µs", "first_byte"),
        ("CPU of both engines, µs each", "carriers"), ("bytes on the wire each", "wire")])


def exchange(results):
    cases = {"100-1": "100 B", "100-50": "100 B, 50 conn.", "10000-1": "10 KB", "10000-50": "10 KB, 50 conn."}
    columns = [(f"{says}: {what}", case, name) for case, says in cases.items()
               for what, name in (("a second", "rate"), ("CPU, µs each", "cpu"))]
    columns += [("1,000/s: p50, µs", "pace", "p50"), ("p99, µs", "pace", "p99"), ("fdatasyncs a second", "100-1", "fsyncs")]
    rows = [[NAMES[v]] + [cell(results.values("exchange", case, v, name)) for _, case, name in columns]
            for v in results.variants("exchange")]
    return markdown([""] + [heading for heading, _, _ in columns], rows)


def chat(results):
    columns = [(f"fan-out to {n}, million/s", f"fanout-{n}", "rate", 1e6) for n in (100, 1000, 2000)]
    columns += [(f"p99 at 10,000/s to {n}, ms", f"pace-{n}", "p99", 1) for n in (100, 1000, 2000)]
    columns += [(f"logins/s to {n:,}", f"login-{n}", "rate", 1) for n in (1000, 10000)]
    columns += [("2,000 connect, s", "connect-2000", "elapsed", 1), ("2,000 join, s", "join-2000", "elapsed", 1),
                ("2,000 quit, s", "quit-2000", "elapsed", 1), ("KB an idle client, of 10,000", "idle-10000", "kb", 1)]
    variants = results.variants("chat")
    rows = [[says] + [CANNOT.get(("chat", case, v)) or
                      cell([value / unit for value in results.values("chat", case, v, figure)]) for v in variants]
            for says, case, figure, unit in columns]
    return markdown([""] + [NAMES[v] for v in variants], rows)


def nodes(results):
    columns = [(f"fan-out to {n:,}, million/s", f"fanout-{n}", "rate", 1e6) for n in (100, 1000, 10000)]
    columns += [("logins/s to 10,000", "login-10000", "rate", 1), ("logins/s to 30,000", "idle-30000", "rate", 1),
                ("KB an idle client, of 30,000", "idle-30000", "kb", 1),
                ("bytes of the stream a line, fan-out to 100", "fanout-100", "stream", 1)]
    variants = results.variants("nodes")
    rows = [[says] + [CANNOT.get(("nodes", case, v)) or
                      cell([value / unit for value in results.values("nodes", case, v, figure)]) for v in variants]
            for says, case, figure, unit in columns]
    return markdown([""] + [NAMES[v] for v in variants], rows)


def verdicts(results):
    rows = [[bar.says, f"{bar.comparison} {bar.limit:g} {bar.unit}".rstrip(),
             NONE if value is None else f"{number(value)} {bar.unit}".rstrip(),
             "not measured" if value is None else "met" if met else "**missed**"]
            for bar, value, met in bars.judge(results)]
    return markdown(["bar", "wanted", "measured", ""], rows)


# Figures of which more is better; of all others less is. Costs are left out if the peers have none.
MORE = {("bulk", "goodput"), ("iperf", "goodput"), ("redis", "set"), ("redis", "get"), ("setup", "rate"),
        ("crowd", "rate"), ("crowd_share", "jain"), ("crowd_share", "goodput"),
        ("day", "goodput"), ("day", "jain")}
COMPARED = {
    "bulk": {"goodput": "bulk goodput, Mbit/s", "wire": "bulk, wire bytes a byte", "queue_p99": "bulk, queue p99, ms",
             "cpu": "bulk, CPU, s/GB"},
    "cost": {"machine": "bulk, CPU of the whole machine, s/GB"},
    "day": {"goodput": "a server's day, Mbit/s", "jain": "a server's day, Jain's index", "p99": "a server's day, request, p99, ms",
            "machine": "a server's day, CPU of the whole machine, s/GB",
            "request_machine": "a server's day, CPU of the whole machine a request, µs"},
    "object": {"p50": "1 MB, ms"}, "request": {"p50": "request, p50, ms", "p99": "request, p99, ms"},
    "message": {"p50": "message, p50, ms", "p99": "message, p99, ms"}, "first_byte": {"p50": "first byte, ms"},
    "iperf": {"goodput": "iperf3 over loopback, Gbit/s", "cpu": "iperf3 over loopback, CPU, s/GB"},
    "pingpong": {"p50": "ping-pong, p50, µs", "p99": "ping-pong, p99, µs"},
    "redis": {"set": "redis SET a second", "get": "redis GET a second"}, "setup": {"rate": "connections a second"},
    "events": {"events": "events a request"}, "load": {"median": "loading, ms"},
    "crowd": {"p50": "request among many, µs", "rate": "set up a second, many"},
    "crowd_share": {"jain": "1,000 at once, Jain's index", "goodput": "1,000 at once, Mbit/s"},
}
WORSE = 1.02


def factor(measurement, figure, ours, theirs):
    """The factor by which rudp is worse; below 1: better."""
    if (measurement, figure) in MORE:
        ours, theirs = theirs, ours
    return ours / theirs if theirs else 1.0


def beside_kernel(results):
    """Where the better one of the kernel's two is better than our default, by more than two percent."""
    rows = []
    for measurement, figures in COMPARED.items():
        for case in results.cases(measurement):
            for figure, text in figures.items():
                ours = results.median(measurement, case, DEFAULT, figure)
                best = max if (measurement, figure) in MORE else min
                theirs = best((m for v in ("tcp", "tcp-cubic", "tcp-bbr")
                               if (m := results.median(measurement, case, v, figure)) is not None), default=None)
                if ours is None or theirs is None:
                    continue
                times = factor(measurement, figure, ours, theirs)
                if times > WORSE:
                    rows.append([f"{text}" + ("" if case == "-" else f", {case}"), number(ours), number(theirs),
                                 f"{times:.2f}"])
    return markdown(["", "rudp, bbr", "kernel TCP, the better one", "times worse"], rows)


def since(results, before):
    """Figures of rudp that got worse since an earlier summary, by more than two percent and beyond the spread."""
    rows = []
    for old in before.get("figures", []):
        measurement, case, variant, figure = (old[k] for k in ("measurement", "case", "variant", "figure"))
        values = results.values(measurement, case, variant, figure) if measurement in COMPARED else []
        if not variant.startswith("rudp") or figure not in COMPARED.get(measurement, {}) or not values:
            continue
        median = statistics.median(values)
        apart = min(values) > old["highest"] or max(values) < old["lowest"]
        times = factor(measurement, figure, median, old["median"])
        if apart and times > WORSE:
            rows.append([COMPARED[measurement][figure] + ("" if case == "-" else f", {case}") + f", {variant}",
                         number(old["median"]), number(median), f"{times:.2f}"])
    return markdown(["", "before", "now", "times worse"], rows) if rows else "Nothing beyond the spread of the runs."


def access(results):
    """Paths down, variants across: goodput, share of what the path can carry, queue p99."""
    variants, rows = results.variants("access"), []
    for case in results.cases("access"):
        row = [case]
        for variant in variants:
            share = results.share_of_ideal(case, variant, "access")
            queue = results.values("access", case, variant, "queue_p99")
            row += [cell(results.values("access", case, variant, "goodput")), NONE if share is None else f"{share:.2f}", cell(queue)]
        rows.append(row)
    heads = [head for v in variants for head in (f"{NAMES[v]}, Mbit/s", "of the ideal", "queue p99, ms")]
    return markdown([""] + heads, rows)


# name in the document: (measurement that it needs, title, function)
TABLES = {
    "machine": (None, "Machine", about),
    "goodput": ("bulk", "Bulk transfer, goodput, Mbit/s", goodput),
    "wire": ("bulk", "Bulk transfer, bytes on the wire per byte", lambda r: by_case(r, "bulk", "wire")),
    "queue-mean": ("bulk", "Bulk transfer, queueing delay caused, mean, ms", lambda r: by_case(r, "bulk", "queue_mean")),
    "queue-p99": ("bulk", "Bulk transfer, queueing delay caused, p99, ms", lambda r: by_case(r, "bulk", "queue_p99")),
    "queue-start": ("bulk", "The same with the start-up, p99, ms", lambda r: by_case(r, "bulk", "queue_p99_all")),
    "bulk-cpu": ("bulk", "Bulk transfer, CPU of programs, engines and tunnels, s/GB", lambda r: by_case(r, "bulk", "cpu")),
    "cost": ("cost", "Bulk transfer alone on the machine, busy time of all processors, emulator included, s/GB",
             lambda r: by_case(r, "cost", "machine")),
    "late": ("bulk", "How late the emulator delivered, p99, ms", lambda r: by_case(r, "bulk", "late_p99")),
    "ecn": ("ecn", "Bulk over P1 with twice the queue and ECN", lambda r: by_figure(r, "ecn", "ECN", [
        ("Mbit/s", "goodput"), ("queue, mean, ms", "queue_mean"), ("queue, p99, ms", "queue_p99"),
        ("packets marked", "marked"), ("packets dropped", "dropped")])),
    "access": ("access", "Bulk over access networks", access),
    "object": ("object", "1 MB over a fresh connection, ms", objects),
    "request": ("request", "200 bytes there, 1,000 back, 20 connections, ms", lambda r: latency(r, "request")),
    "message": ("message", "50 messages of 100 bytes a second one way, 5 connections, ms", lambda r: latency(r, "message")),
    "first-byte": ("first_byte", "First byte of a fresh connection, 50 ms round trip, ms", first_byte),
    "share": ("share", "Two flows for 60 s", shares),
    "crowd-share": ("crowd_share", "1,000 connections at once on P1",
                    lambda r: by_figure(r, "crowd_share", "P1", [("Jain's index", "jain"), ("Mbit/s, all", "goodput")])),
    "iperf": ("iperf", "iperf3 over loopback, one connection", lambda r: by_figure(r, "iperf", "-", [
        ("Gbit/s", "goodput"), ("CPU of all, s/GB", "cpu"), ("of it engines or tunnels", "carriers")])),
    "sizes": ("sizes", "Loopback, Gbit/s against the size of a write", sizes),
    "pingpong": ("pingpong", "64 bytes there and back over loopback, µs", lambda r: by_figure(r, "pingpong", "-", [
        ("p50", "p50"), ("p99", "p99"), ("CPU of engines or tunnels, each", "carriers")])),
    "redis-1": ("redis", "redis-benchmark -P 1 over loopback, 50 clients", lambda r: by_figure(r, "redis", "1", [
        ("SET a second", "set"), ("GET a second", "get"), ("CPU of engines or tunnels, µs each", "carriers")])),
    "redis-16": ("redis", "redis-benchmark -P 16 over loopback, 50 clients", lambda r: by_figure(r, "redis", "16", [
        ("SET a second", "set"), ("GET a second", "get"), ("CPU of engines, µs each", "carriers")])),
    "setup-alone": ("setup", "Connections one after the other over loopback", lambda r: setup(r, "alone")),
    "setup": ("setup", "The same, with 200 bytes there and one back", lambda r: setup(r, "request")),
    "handshake-full": ("handshake", "Full handshakes by their kind", lambda r: handshake(r, "full")),
    "handshake-resumed": ("handshake", "The same, resumed", lambda r: handshake(r, "resumed")),
    "events": ("events", "Events an epoll server sees for a request, 10 connections, loopback",
               lambda r: by_case(r, "events", "events", ["edge", "level"])),
    "load": ("load", "/bin/true, which opens no socket, without and with the shim",
             lambda r: by_figure(r, "load", "-", [("median, ms", "median"), ("mean, ms", "mean")])),
    "exchange": ("exchange", "Messages between two programs over loopback", exchange),
    "idle-peers": ("idle_peers", "Idle peers of the messaging library", lambda r: by_case(r, "idle_peers", "bytes", ["tcp", "rudp"])),
    "chat": ("chat", "Chat servers beside each other, over loopback", chat),
    "nodes": ("nodes", "Three nodes of Apollonion on one machine, with three NATS servers, beside one process", nodes),
    "crowd": ("crowd", "Many connections open at once", crowd),
    "day": ("day", "A server's day: of each host with 2 Mbit/s, 10 download, 4 ask once a second, 40 are idle", day),
    "wild": ("wild_bulk", "Random paths: how many times better than the better one of kernel BBR and CUBIC",
             lambda r: markdown(*wild.ratios_table(r))),
    "wild-limits": ("wild_bulk", "Random paths: bytes and queue of bulk transfers", lambda r: markdown(*wild.limits_table(r))),
    "wild-worst": ("wild_bulk", f"Random paths: the {wild.WORST} worst of each measure", lambda r: markdown(*wild.worst_table(r))),
    "worse": (None, "Where kernel TCP is better", beside_kernel),
    "bars": (None, "Bars", verdicts),
}


def available(results):
    """(name, title, table) of what was measured."""
    seen = {run["measurement"] for run in results.runs}
    return [(name, title, make(results)) for name, (needs, title, make) in TABLES.items()
            if needs is None or needs in seen]
