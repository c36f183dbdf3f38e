#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py DIRECTORY [--plain-only] [--into DOCUMENT]: writes the results in raw.jsonl as tables, JSON and verdicts.

--into writes the tables into a document, between <!-- bench:NAME --> and <!-- /bench -->, the plots into plots/, and
the summary into a .json file beside the document. The table "since" compares with the summary of the last commit. The
exit code is 1 if a bar is missed or a run of rudp failed. With --plain-only there are no results of rudp to judge."""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

import bars  # noqa: E402
import tables  # noqa: E402
from results import FIGURES, Results, is_late, is_spoiled, machine  # noqa: E402


def summary(results):
    out = {"machine": machine(results), "figures": []}
    keys = dict.fromkeys((run["measurement"], run["case"], run["variant"]) for run in results.runs if not run.get("path"))
    for key in keys:
        for figure in FIGURES.get(key[0], {}):
            values = results.values(*key, figure)
            if values:
                out["figures"].append({"measurement": key[0], "case": key[1], "variant": key[2], "figure": figure,
                                       "median": statistics.median(values), "lowest": min(values),
                                       "highest": max(values), "runs": len(values),
                                       "failed": results.failures(*key)})
    out["bars"] = [{"says": bar.says, "wanted": f"{bar.comparison} {bar.limit:g} {bar.unit}".rstrip(),
                    "measured": value, "met": met if value is not None else None}
                   for bar, value, met in bars.judge(results)]
    return out


def print_verdicts(results):
    """Returns whether no bar is missed. Bars without a measurement are not counted as missed."""
    fine = True
    for bar, value, met in bars.judge(results):
        if value is None:
            continue
        fine = fine and met
        print(f"bar  {'met   ' if met else 'MISSED'}  {bar.says}: {tables.number(value)} {bar.unit}".rstrip()
              + f" (must be {bar.comparison} {bar.limit:g})")
    return fine


def say_spoiled(results):
    for run in filter(is_spoiled, results.runs):
        why = (f"the emulator was {run['result']['linkem']['late_p99_us'] / 1e3:.1f} ms late" if is_late(run)
               else f"others were at work on {max(run['result']['disturbance']):.1f} processors")
        print(f"SPOILED  {run['measurement']} {run['case']} {run['variant']}, round {run['round']}: left out, {why}, "
              f"load {run['load']}")


def count_failures(results):
    failed = [run for run in results.runs if run["result"] is None and "rudp" in run["variant"]]
    for run in failed:
        print(f"FAILED  {run['measurement']} {run['case']} {run['variant']}, round {run['round']}")
    return len(failed)


def beside(document):
    """Returns the path of the document's summary."""
    return os.path.splitext(document)[0] + ".json"


def committed(document):
    """Returns the summary of the last commit, with which the new one is compared."""
    folder, name = os.path.split(os.path.abspath(beside(document)))
    shown = subprocess.run(["git", "-C", folder, "show", "HEAD:./" + name], capture_output=True, text=True, check=False)
    return json.loads(shown.stdout) if shown.returncode == 0 else {}


PICTURE = re.compile(r"(?:!\[([^]]+)\]|<!-- not drawn yet: ([^(]+) )\((plots/[^)]+)\)(?: -->)?")


def with_pictures(page, folder):
    """Links the plots that exist. A comment marks the place of a plot that does not exist."""
    def link(match):
        says, path = match[1] or match[2], match[3]
        if os.path.exists(os.path.join(folder, path)):
            return f"![{says}]({path})"
        return f"<!-- not drawn yet: {says} ({path}) -->"
    return PICTURE.sub(link, page)


def write_into(document, results, directory):
    with open(document) as text:
        page = text.read()
    found = [(name, table) for name, _, table in tables.available(results)]
    for name, table in found + [("since", tables.since(results, committed(document)))]:
        page = re.sub(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench -->)",
                      lambda match, body=table: f"{match[1]}{body}\n{match[2]}", page, flags=re.S)
    shutil.copy(os.path.join(directory, "summary.json"), beside(document))
    plots = os.path.join(os.path.dirname(os.path.abspath(document)), "plots")
    os.makedirs(plots, exist_ok=True)
    for name in sorted(os.listdir(directory)):
        if name.endswith(".svg"):
            shutil.copy(os.path.join(directory, name), plots)
    with open(document, "w") as out:
        out.write(with_pictures(page, os.path.dirname(plots)))


def main():
    directory = sys.argv[1]
    results = Results(directory)
    with open(os.path.join(directory, "summary.json"), "w") as out:
        json.dump(summary(results), out, indent=1)
        out.write("\n")
    text = "\n".join(f"### {title}\n\n{table}\n" for _, title, table in tables.available(results))
    with open(os.path.join(directory, "tables.md"), "w") as out:
        out.write(text)
    if "--into" in sys.argv:
        write_into(sys.argv[sys.argv.index("--into") + 1], results, directory)
        return 0
    print(text.replace("<sub>", "(").replace("</sub>", ")"))
    if "--plain-only" in sys.argv:
        return 0
    fine = print_verdicts(results)
    say_spoiled(results)
    return 1 if count_failures(results) or not fine else 0


if __name__ == "__main__":
    sys.exit(main())
