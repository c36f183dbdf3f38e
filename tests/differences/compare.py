#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares random sequences of socket calls over kernel TCP and under the shim.

    compare.py BUILD FIRST_SEED COUNT [--kernel] [--jobs N]

Each run has a network namespace of its own. With --kernel both runs use kernel TCP: that shows whether
the generator's logs depend on chance. For each seed that differs it leaves out steps while the
difference stays, and prints the rest, at most twelve times.

This is a search, not a test: some sequences differ in ways that librudp_shim(7) names (ports after
a failed connect(), bind() of sockets that have a name, listeners that were shut down). A difference
that is a bug becomes a check in tests/behaviour.
"""

import argparse
import concurrent.futures
import difflib
import os
import pathlib
import subprocess
import sys

STEPS = 60
SHOWN_MAX = 12


def environment(build, shim):
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RUDP_") and k != "LD_PRELOAD"}
    if shim:
        plain["LD_PRELOAD"] = str(build / "librudp_shim.so")
        plain["RUDP_ENGINE_PATH"] = str(build / "rudp-engine")
        plain["RUDP_POLICY"] = ""
        plain["RUDP_POLICY_FILE"] = "/dev/null"
    return plain


def logs(build, shim, seed, count=1, left_out=()):
    """The log of each seed, as a list of lines."""
    # Each run has the ports of a network for itself.
    command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "differences"]
    command += [build / "tests/differences", str(seed), str(count), *map(str, left_out)]
    output = subprocess.run(
        command, env=environment(build, shim), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    found = {}
    for part in output.split("# ")[1:]:
        number, _, text = part.partition("\n")
        found[int(number)] = text.splitlines()
    return found


def differs(build, other, seed, left_out):
    return logs(build, False, seed, 1, left_out) != logs(build, other, seed, 1, left_out)


def number_of_first_difference(plain, other):
    for line, (a, b) in enumerate(zip(plain, other)):
        if a != b:
            head = a.split(":")[0]
            return int(head) if head.isdigit() else line
    return STEPS - 1


def minimize(build, other, seed, plain, seen):
    left_out = list(range(number_of_first_difference(plain, seen) + 1, STEPS))
    if not differs(build, other, seed, left_out):
        return None
    size = 16
    while size:
        start = 0
        while start < STEPS:
            more = [n for n in range(start, min(start + size, STEPS)) if n not in left_out]
            if more and differs(build, other, seed, left_out + more):
                left_out += more
            start += size
        size //= 2
    return left_out


def report(build, other, seed, plain, seen):
    left_out = minimize(build, other, seed, plain, seen)
    if left_out is None:
        print(f"--- seed {seed}: the difference did not come again")
    else:
        print(f"--- seed {seed}, without the steps that do not matter")
        plain = logs(build, False, seed, 1, left_out)[seed]
        seen = logs(build, other, seed, 1, left_out)[seed]
    for line in list(difflib.unified_diff(plain, seen, n=STEPS, lineterm=""))[3:]:
        print(line)
    sys.stdout.flush()


def inside(arguments):
    build = pathlib.Path(arguments.build).resolve()
    share = max(1, min(100, arguments.count // arguments.jobs))
    starts = range(arguments.seed, arguments.seed + arguments.count, share)

    def both(start):
        count = min(share, arguments.seed + arguments.count - start)
        return logs(build, False, start, count), logs(build, not arguments.kernel, start, count)

    different = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for plain, seen in pool.map(both, starts):
            for seed, lines in plain.items():
                if lines == seen.get(seed):
                    continue
                different += 1
                if different <= SHOWN_MAX:
                    report(build, not arguments.kernel, seed, lines, seen.get(seed, []))
    print(f"differences: {arguments.count} sequences from seed {arguments.seed}, {different} differ")
    return different != 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--kernel", action="store_true", help="compare kernel TCP with itself")
    parser.add_argument("--jobs", type=int, default=2)
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
