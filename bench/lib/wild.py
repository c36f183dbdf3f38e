# SPDX-License-Identifier: MIT
"""Random paths: rudp compared with the better one of kernel BBR and CUBIC on each, and statistics over all."""
import statistics
from collections import namedtuple

from plan import DEFAULT, KERNEL
from results import FIGURES, is_spoiled
from svg import Panel, Scale, legend, page

Measure = namedtuple("Measure", "says measurement figure kind")
Comparison = namedtuple("Comparison", "ratio path ours kernel")  # kernel: {variant: value}

# kind: the colour of the plot
MEASURES = [Measure("bulk goodput", "wild_bulk", "goodput", "rudp-bbr"),
            Measure("time of 100 kB", "wild_object", "small", "tls"),
            Measure("time of 1 MB", "wild_object", "large", "kcptun-fast2"),
            Measure("request p99", "wild_request", "p99", "rudp-cubic")]
WORST = 10
TENTH = 10       # the tenth percentile is the path with a tenth of all below it
RATIO_MAX = 100  # a kernel that transfers almost nothing counts as this
NONE = "–"


def medians(results, measurement, figure):
    """Returns {case: (path, {variant: median of the rounds, or None if all failed})}, without runs in which the
    emulator was late."""
    take, values, paths = FIGURES[measurement][figure], {}, {}
    for run in results.runs:
        if run["measurement"] == measurement and not is_spoiled(run):
            paths[run["case"]] = run["path"]
            of_case = values.setdefault(run["case"], {})
            of_case.setdefault(run["variant"], []).append(None if run["result"] is None else take(run["result"]))
    return {case: (paths[case], {variant: statistics.median(said) if (said := [v for v in all_of if v is not None]) else None
                                 for variant, all_of in of_case.items()})
            for case, of_case in values.items()}


def ratio_of(ours, best, more_is_better):
    """Returns None if all runs failed."""
    if not ours:
        return 0 if best else None
    if not best:
        return RATIO_MAX
    return min(RATIO_MAX, ours / best if more_is_better else best / ours)


def compare(results, measure):
    """Returns all paths on which all three variants were measured, the worst first. A failed run counts as the worst
    result."""
    more_is_better = measure.figure == "goodput"
    found = []
    for path, of in medians(results, measure.measurement, measure.figure).values():
        if not {DEFAULT, *KERNEL} <= set(of):
            continue
        kernel = {v: of[v] for v in KERNEL}
        best = (max if more_is_better else min)((v for v in kernel.values() if v), default=None)
        ratio = ratio_of(of[DEFAULT], best, more_is_better)
        if ratio is not None:
            found.append(Comparison(ratio, path, of[DEFAULT], kernel))
    return sorted(found, key=lambda c: c.ratio)


def summary(results, measure):
    ratios = [c.ratio for c in compare(results, measure)]
    if not ratios:
        return dict.fromkeys(("median", "p10", "worst"))
    return {"median": statistics.median(ratios), "p10": ratios[len(ratios) // TENTH], "worst": ratios[0]}


def wire_ratios(results):
    """Returns (bytes on the wire per byte of payload, times the share that is not lost; path), the worst first."""
    found = [(of[DEFAULT] * (1 - path["loss"]), path) for path, of in medians(results, "wild_bulk", "wire").values()
             if of.get(DEFAULT)]
    return sorted(found, key=lambda pair: -pair[0])


def queue_ratios(results):
    """Returns (p99 of the queue divided by the limit, p99 in ms, path), the worst first. The limit is the queue of the
    better kernel variant, or half a BDP, whichever is more."""
    queues, found = medians(results, "wild_bulk", "queue_p99"), []
    for c in compare(results, MEASURES[0]):
        of = queues[c.path["name"]][1]
        better = max(KERNEL, key=lambda v: c.kernel[v] or 0)
        if of[DEFAULT] is not None:
            allowed_ms = max(of[better] or 0, c.path["rtt_ms"] / 2)
            found.append((of[DEFAULT] / allowed_ms, of[DEFAULT], c.path))
    return sorted(found, key=lambda row: -row[0])


def worst_wire(results):
    ratios = wire_ratios(results)
    return ratios[0][0] if ratios else None


def worst_queue(results):
    ratios = queue_ratios(results)
    return ratios[0][0] if ratios else None


def ratios_table(results):
    """Returns the head and the rows of a table."""
    rows = []
    for measure in MEASURES:
        ratios = [c.ratio for c in compare(results, measure)]
        said = summary(results, measure)
        if ratios:
            rows.append([measure.says, str(len(ratios))] + [f"{said[name]:.3f}" for name in ("median", "p10", "worst")]
                        + [str(sum(ratio < limit for ratio in ratios)) for limit in (1, 0.97, 0.85)])
    return ["", "paths", "median", "tenth percentile", "worst", "below 1", "below 0.97", "below 0.85"], rows


def limits_table(results):
    wire, queue = wire_ratios(results), queue_ratios(results)
    rows = []
    for says, of, limit in (("bytes on the wire per byte, without what the path must lose", wire, 1.15),
                            ("queue p99, of the allowed", queue, 1.01)):
        if of:
            values = [row[0] for row in of]
            rows.append([says, str(len(of)), f"{statistics.median(values):.3f}", f"{values[0]:.3f}",
                         str(sum(value > limit for value in values)), of[0][-1]["name"]])
    return ["", "paths", "median", "worst", "above the bar", "the worst path"], rows


def shown(value):
    return "failed" if value is None else f"{value:.4g}"


def worst_table(results):
    """Lists the worst paths. `bench/once.sh bulk NAME rudp-bbr 1` repeats one."""
    rows = []
    for measure in MEASURES:
        for c in compare(results, measure)[:WORST]:
            rows.append([measure.says, c.path["name"], f"{c.ratio:.2f}", shown(c.ours)]
                        + [shown(c.kernel[v]) for v in KERNEL]
                        + [f"{c.path['mbps']:.4g}", f"{c.path['rtt_ms']:.4g}", f"{c.path['loss'] * 100:.3g}",
                           f"{c.path['queue_bdp']:.2g}", f"`{c.path['options']}`"])
    return ["", "path", "ratio", "rudp"] + KERNEL + ["Mbit/s", "ms", "loss, %", "queue, BDP", "options of linkem"], rows


def plot(results):
    width, margin = 900, 72
    curves = [(m, [c.ratio for c in compare(results, m)]) for m in MEASURES]
    curves = [(m, ratios) for m, ratios in curves if ratios]
    head, extra = legend([(m.kind, m.says) for m, _ in curves], margin, 56, width - margin - 20)
    low = max(0.02, min(min(ratios) for _, ratios in curves) / 1.2)
    high = max(2, max(max(ratios) for _, ratios in curves) * 1.2)
    panel = Panel(margin, 62 + extra, width - margin - 24, 320, Scale(0, 100), Scale(low, high, "log"), "",
                  "percent of the paths that are not better", "times better, logarithmic")
    panel.mark_y(1)
    for measure, ratios in curves:
        panel.line(measure.kind, [((i + 0.5) * 100 / len(ratios), max(low, ratio)) for i, ratio in enumerate(ratios)])
    return page(width, panel.top + panel.height + 52, "Random paths: rudp beside the better one of kernel BBR and CUBIC",
                head + panel.out)
