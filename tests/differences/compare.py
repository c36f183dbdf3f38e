#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares random sequences of socket calls over kernel TCP and under the shim.

    compare.py BUILD FIRST_SEED COUNT [--kernel] [--jobs N] [--steps N]

Each run has a network namespace of its own. With --kernel both runs use kernel TCP: that shows whether
the generator's logs depend on chance. For each seed that differs it leaves out steps while the
difference stays, and prints the rest, at most twelve times.

A line that ends in "[known: REASON]" may differ: librudp_shim(7) names the reason, and the summary
counts it. Any other difference is a fault, of the shim until shown otherwise: mend it with a check
in tests/behaviour, or name it in the manual, model_known() or the step.
"""

import argparse
import collections
import concurrent.futures
import difflib
import os
import pathlib
import subprocess
import sys

SHOWN_MAX = 12
KNOWN = " [known: "


def environment(build, shim):
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RUDP_") and k != "LD_PRELOAD"}
    if shim:
        plain["LD_PRELOAD"] = str(build / "librudp_shim.so")
        plain["RUDP_ENGINE_PATH"] = str(build / "rudp-engine")
        plain["RUDP_POLICY"] = ""
        plain["RUDP_POLICY_FILE"] = "/dev/null"
    return plain


def logs(arguments, shim, seed, count=1, left_out=()):
    """The log of each seed, as a list of lines."""
    # Each run has the ports of a network for itself.
    command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "differences"]
    command += [arguments.build / "tests/differences", str(seed), str(count), str(arguments.steps)]
    command += map(str, left_out)
    output = subprocess.run(
        command, env=environment(arguments.build, shim), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    found = {}
    for part in output.split("# ")[1:]:
        number, _, text = part.partition("\n")
        found[int(number)] = text.splitlines()
    return found


def is_permitted(plain, other):
    """Whether two lines differ in a way that librudp_shim(7) names."""
    reason = plain.rpartition(KNOWN)[2]
    return KNOWN in plain and other.rpartition(KNOWN)[2] == reason


def is_same(plain, other, permitted=None):
    if len(plain) != len(other):
        return False
    for a, b in zip(plain, other):
        if a == b:
            continue
        if not is_permitted(a, b):
            return False
        if permitted is not None:
            permitted[a.rpartition(KNOWN)[2].partition("]")[0]] += 1
    return True


def both_logs(arguments, seed, count=1, left_out=()):
    """What kernel TCP gives, and what is compared with it."""
    return logs(arguments, False, seed, count, left_out), logs(arguments, not arguments.kernel, seed, count, left_out)


def differs(arguments, seed, left_out):
    plain, seen = both_logs(arguments, seed, 1, left_out)
    return not is_same(plain[seed], seen[seed])


def number_of_first_difference(plain, other):
    for line, (a, b) in enumerate(zip(plain, other)):
        if a != b and not is_permitted(a, b):
            head = a.split(":")[0]
            return int(head) if head.isdigit() else line
    return max(len(plain), len(other)) - 1


def minimize(arguments, seed, plain, seen):
    left_out = list(range(number_of_first_difference(plain, seen) + 1, arguments.steps))
    if not differs(arguments, seed, left_out):
        return None
    size = arguments.steps // 4
    while size:
        start = 0
        while start < arguments.steps:
            more = [n for n in range(start, min(start + size, arguments.steps)) if n not in left_out]
            if more and differs(arguments, seed, left_out + more):
                left_out += more
            start += size
        size //= 2
    return left_out


def report(arguments, seed, plain, seen):
    left_out = minimize(arguments, seed, plain, seen)
    if left_out is None:
        print(f"--- seed {seed}: the difference did not come again")
    else:
        print(f"--- seed {seed}, without the steps that do not matter")
        plain, seen = (log[seed] for log in both_logs(arguments, seed, 1, left_out))
    for line in list(difflib.unified_diff(plain, seen, n=arguments.steps, lineterm=""))[3:]:
        print(line)
    sys.stdout.flush()


def inside(arguments):
    share = max(1, min(100, arguments.count // arguments.jobs))
    starts = range(arguments.seed, arguments.seed + arguments.count, share)

    def both(start):
        count = min(share, arguments.seed + arguments.count - start)
        return both_logs(arguments, start, count)

    different = 0
    permitted = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for plain, seen in pool.map(both, starts):
            for seed, lines in plain.items():
                if is_same(lines, seen.get(seed, []), permitted):
                    continue
                different += 1
                if different <= SHOWN_MAX:
                    report(arguments, seed, lines, seen.get(seed, []))
    print(f"differences: {arguments.count} sequences from seed {arguments.seed}, {different} differ")
    for reason, count in permitted.most_common():
        print(f"differences: {count} known lines: {reason}")
    return different != 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--kernel", action="store_true", help="compare kernel TCP with itself")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60, help="length of a sequence")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        return inside(arguments)
    namespaces = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        namespaces[1:1] = ["--user", "--map-root-user"]
    if subprocess.run([*namespaces, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("differences: skipped, it needs root or user namespaces")
        return 0
    return subprocess.run([*namespaces, sys.executable, *sys.argv, "--inside"]).returncode


if __name__ == "__main__":
    sys.exit(main())
