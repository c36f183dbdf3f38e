# SPDX-License-Identifier: MIT
"""The goals of rudp with its default, BBR, and whether the results meet them."""
from collections import namedtuple

from paths import ACCESS, BARRED, PATHS, bdp_ms
from plan import DEFAULT, KERNELS, PEERS
import wild

Bar = namedtuple("Bar", "says value comparison limit unit")

COMPARE = {
    ">=": lambda value, limit: value >= limit,
    "<=": lambda value, limit: value <= limit,
    "<": lambda value, limit: value < limit,
}
GOODPUT_OF_IDEAL = {"P1": 0.95, "P2": 0.95, "P3": 0.92, "P4": 0.88, "P5": 0.95, "P6": 0.95, "P7": 0.95}
NOISE = 0.01  # "no worse" than a peer: within one percent


def figure(measurement, case, name, variant=DEFAULT):
    return lambda results: results.median(measurement, case, variant, name)


def over(value, other):
    def ratio(results):
        ours, theirs = value(results), other(results)
        return ours / theirs if ours is not None and theirs else None
    return ratio


def minus(value, other):
    def difference(results):
        ours, theirs = value(results), other(results)
        return None if ours is None or theirs is None else ours - theirs
    return difference


def best_peer(measurement, case, name, best):
    def value(results):
        return best((v for v in (results.median(measurement, case, peer, name) for peer in PEERS)
                     if v is not None), default=None)
    return value


def path_bars(name, path):
    yield Bar(f"{name}: goodput, of the ideal", lambda r: r.share_of_ideal(name, DEFAULT), ">=",
              GOODPUT_OF_IDEAL[name], "")
    yield Bar(f"{name}: goodput, of the best peer's",
              over(figure("bulk", name, "goodput"), best_peer("bulk", name, "goodput", max)), ">=", 1 - NOISE, "")
    yield Bar(f"{name}: bytes on the wire per byte", figure("bulk", name, "wire"), "<=",
              1.13 if name == "P3" else 1.10, "")
    yield Bar(f"{name}: queueing delay caused, mean", figure("bulk", name, "queue_mean"), "<=",
              30 if name == "P4" else 10, "ms")
    yield Bar(f"{name}: queueing delay caused, p99", figure("bulk", name, "queue_p99"), "<=",
              20 if name == "P6" else bdp_ms(path) / 2, "ms")
    yield Bar(f"{name}: 1 MB, of the best peer's time",
              over(figure("object", name, "p50"), best_peer("object", name, "p50", min)), "<=", 1 + NOISE, "")
    yield Bar(f"{name}: 1 MB with early data by a rule, of the best peer's time",
              over(figure("object", name, "p50", "rudp-early"), best_peer("object", name, "p50", min)),
              "<=", 1 + NOISE, "")


def cost_bars():
    for name in BARRED:
        yield Bar(f"{name}: busy time of the whole machine for a GB, of kernel BBR's",
                  over(figure("cost", name, "machine"), figure("cost", name, "machine", "tcp-bbr")), "<=", 1.25, "")


def day_bars():
    """Yields the bars of a server's day."""
    for figures, says in (("machine", "the whole machine"), ("server", "server and engine")):
        yield Bar(f"a server's day: CPU of {says} for a GB, 500 clients over 50",
                  over(figure("day", "50", figures), figure("day", "5", figures)), "<=", 1.05, "")


def wild_bars():
    """Yields the bars over random paths. The ratio is to the better one of the kernel's two."""
    for measure in wild.MEASURES:
        for name, limit in (("median", 1.05), ("p10", 0.97), ("worst", 0.85)):
            yield Bar(f"random paths: {measure.says}, of the kernel's better one, {name}",
                      lambda r, measure=measure, name=name: wild.summary(r, measure)[name], ">=", limit, "")
    yield Bar("random paths: bytes on the wire per byte, without what the path must lose, worst", wild.worst_wire, "<=", 1.15, "")
    yield Bar("random paths: queue p99, of the allowed, worst", wild.worst_queue, "<=", 1 + NOISE, "")


def latency_bars():
    for name in ("P2", "P3"):
        rtt_ms = PATHS[name].rtt_ms
        yield Bar(f"{name}: request and response, p99", figure("request", name, "p99"), "<=", 1.3 * rtt_ms, "ms")
        yield Bar(f"{name}: one-way messages, p99", figure("message", name, "p99"), "<=", 1.6 * rtt_ms / 2, "ms")
    yield Bar("first byte of a fresh connection, 50 ms", figure("first_byte", "plain", "p50"), "<=", 105, "ms")
    yield Bar("first byte with data in the SYN, 50 ms", figure("first_byte", "fastopen", "p50"), "<=", 55, "ms")


def local_bars():
    for variant, says in ((DEFAULT, "one engine"), ("rudp-two", "two engines")):
        yield Bar(f"loopback, {says}", figure("iperf", "-", "goodput", variant), ">=", 6, "Gbit/s")
        yield Bar(f"loopback, {says}, CPU of all", figure("iperf", "-", "cpu", variant), "<=", 3, "s/GB")
    for depth in ("1", "16"):
        for verb in ("set", "get"):
            yield Bar(f"redis -P {depth}, {verb.upper()}, of kernel TCP's",
                      over(figure("redis", depth, verb), figure("redis", depth, verb, "tcp")), ">=", 0.5, "")
    yield Bar("64 bytes there and back over loopback, p50", figure("pingpong", "-", "p50"), "<", 60, "µs")
    yield Bar("connect, accept, close over loopback, a second", figure("setup", "alone", "rate"), ">=", 5000, "")
    for kind in ("ik", "xx"):
        yield Bar(f"full handshake {kind.upper()}, CPU, of NN's with a secret",
                  over(figure("handshake", "full", "carriers", f"rudp-{kind}"),
                       figure("handshake", "full", "carriers", "rudp-psk")), "<=", 1.6, "")
    for mode in ("edge", "level"):
        yield Bar(f"events of an epoll server, {mode}, of kernel TCP's",
                  over(figure("events", mode, "events"), figure("events", mode, "events", "tcp")), "<=", 2, "")
    yield Bar("loading the shim", minus(figure("load", "-", "median"), figure("load", "-", "median", "tcp")),
              "<", 1, "ms")


def crowd_bars():
    yield Bar("an idle connection of 10,000, in the engine", figure("crowd", "10000", "kb"), "<", 8, "KB")
    yield Bar("10,000 idle connections, of a core", figure("crowd", "10000", "idle"), "<=", 1, "%")
    yield Bar("CPU of a request, 10,000 open over 10 open",
              over(figure("crowd", "10000", "cpu"), figure("crowd", "10", "cpu")), "<=", 1.25, "")
    yield Bar("1,000 connections on P1, Jain's index", figure("crowd_share", "P1", "jain"), ">=", 0.95, "")


def exchange_bars():
    for variant, says in (("rudpmsg-rudp", "rudp"), ("rudpmsg-tcp", "TCP")):
        for case, how in (("100-1", ""), ("100-50", ", 50 connections")):
            yield Bar(f"messages of 100 bytes over {says}{how}, a second", figure("exchange", case, "rate", variant), ">=", 500000, "")
            yield Bar(f"messages of 100 bytes over {says}{how}, CPU of all", figure("exchange", case, "cpu", variant), "<=", 4, "µs")
        yield Bar(f"messages over {says}, 1,000 a second, p50, of mosquitto's",
                  over(figure("exchange", "pace", "p50", variant), figure("exchange", "pace", "p50", "mosquitto")), "<", 1, "")
    yield Bar("messages of 100 bytes, durable, a second", figure("exchange", "100-1", "rate", "rudpmsg-store"), ">=", 150000, "")
    for case in ("tcp", "rudp"):
        yield Bar(f"an idle peer of the messaging library over {case}", figure("idle_peers", case, "bytes", "rudpmsg"), "<", 4096, "B")


def chat_bars():
    ours, theirs = "apollonion", "inspircd"
    for count in (100, 1000, 2000):
        yield Bar(f"chat: fan-out to {count}, of InspIRCd's", over(figure("chat", f"fanout-{count}", "rate", ours),
                  figure("chat", f"fanout-{count}", "rate", theirs)), ">=", 1.3, "")
        yield Bar(f"chat: p99 to {count} at 10,000/s, of InspIRCd's", over(figure("chat", f"pace-{count}", "p99", ours),
                  figure("chat", f"pace-{count}", "p99", theirs)), "<=", 1, "")
    for count in (1000, 10000):
        yield Bar(f"chat: logins to {count:,}, a second", figure("chat", f"login-{count}", "rate", ours), ">=", 5000, "")
    for what, limit_s in (("connect", 1), ("join", 1), ("quit", 0.9)):
        yield Bar(f"chat: 2,000 {what} at once", figure("chat", f"{what}-2000", "elapsed", ours), "<=", limit_s, "s")
    for count in (100, 1000, 10000):
        yield Bar(f"chat: fan-out to {count:,} by three nodes, of one process",
                  over(figure("nodes", f"fanout-{count}", "rate", "apollonion-3"), figure("nodes", f"fanout-{count}", "rate", ours)), ">=", 0.8, "")
    yield Bar("chat: an idle client of 10,000", figure("chat", "idle-10000", "kb", ours), "<=", 3, "KB")


def better_kernel(results, name):
    """The one of the kernel's two with more goodput."""
    goodput = {v: results.median("access", name, v, "goodput") for v in KERNELS}
    return max((v for v in KERNELS if goodput[v] is not None), key=goodput.get, default=None)


def of_better_kernel(name, figure_name, least=0):
    """rudp's value divided by the better kernel's; a kernel's value below `least` counts as that."""
    def ratio(results):
        ours, best = results.median("access", name, DEFAULT, figure_name), better_kernel(results, name)
        if ours is None or best is None:
            return None
        return ours / max(results.median("access", name, best, figure_name), least)
    return ratio


def access_bars():
    for name in ACCESS:
        path, ours = PATHS[name], lambda what, name=name: figure("access", name, what)
        if name == "policer":
            yield Bar("policer: loss after 2 s", ours("settled_loss"), "<=", 0.05, "")
            yield Bar("policer: used after 2 s", ours("settled"), ">=", 0.95 * path.mbps, "Mbit/s")
        elif name == "rate-down":
            yield Bar("rate-down: queue gone after", ours("gone"), "<=", 1, "s")
        elif name == "rate-up":
            yield Bar("rate-up: new rate used after", ours("used"), "<=", 10 * path.rtt_ms / 1e3, "s")
        elif name == "mtu-hole":
            yield Bar("mtu-hole: goodput, of the ideal", lambda r, n=name: r.share_of_ideal(n, DEFAULT, "access"), ">=", 0.9, "")
        else:
            yield Bar(f"{name}: goodput, of the better kernel's", of_better_kernel(name, "goodput"), ">=", 0.97, "")
        if name.startswith("handover"):
            yield Bar(f"{name}: rate used again after", ours("used"), "<=", 10 * path.rtt_ms / 1e3, "s")
        elif name not in ("policer", "rate-down", "rate-up", "mtu-hole"):
            yield Bar(f"{name}: queue p99, of the better kernel's or half a BDP",
                      of_better_kernel(name, "queue_p99", bdp_ms(path) / 2), "<=", 1, "")


def share_bars():
    for path in ("P1", "P6"):
        for other, low, high in (("tcp-cubic", 0.35, 0.65), ("tcp-bbr", 0.35, 0.65), (DEFAULT, 0.45, 0.55)):
            value = figure("share", path, "share", f"{DEFAULT}:{other}")
            yield Bar(f"{path}: share beside {other}, at least", value, ">=", low, "")
            yield Bar(f"{path}: share beside {other}, at most", value, "<=", high, "")


def bars():
    for name in BARRED:
        yield from path_bars(name, PATHS[name])
    yield from cost_bars()
    yield from day_bars()
    yield from wild_bars()
    yield from access_bars()
    yield from latency_bars()
    yield from local_bars()
    yield from crowd_bars()
    yield from exchange_bars()
    yield from chat_bars()
    yield from share_bars()


def judge(results):
    """(bar, measured or None, whether it is met) of every bar."""
    for bar in bars():
        value = bar.value(results)
        yield bar, value, value is not None and COMPARE[bar.comparison](value, bar.limit)
