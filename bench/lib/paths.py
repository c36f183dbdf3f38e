# SPDX-License-Identifier: MIT
"""paths.txt as a table, and random paths, which the simulator draws. `paths.py wild-SEED` prints one as a row of paths.txt."""
import functools
import os
import re
import subprocess
import sys
from collections import namedtuple

Path = namedtuple("Path", "name mbps rtt_ms loss queue_bdp seconds startup_s options")

PAYLOAD_SHARE = 1448 / 1500  # of a full TCP packet over IPv4, with timestamps


def read():
    paths = {}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "paths.txt")) as lines:
        for line in lines:
            if not line.startswith("#"):
                name, *numbers, options = (field.strip() for field in line.split("|"))
                paths[name] = Path(name, *(float(n) for n in numbers), options)
    return paths


PATHS = read()
BARRED = [name for name in PATHS if name.startswith("P")]
ACCESS = [name for name in PATHS if name.islower()]
CHANGE_S = 5  # when something happens on an access path: the rate changes, a gap ends, the MTU shrinks
LATER_MBPS = {"rate-down": 10, "rate-up": 100, "handover": 50, "handover-held": 50}

RANDOM = re.compile(r"wild-\d+")
SETTLED_S, SETTLED_ROUND_TRIPS = 2, 10  # start-up of a random path: whichever is longer
NAP_FROM_MBPS, NAP = 200, "50us"        # as P7: without it the emulator takes a processor


@functools.cache
def path_named(name):
    """Returns a path of paths.txt, or for wild-SEED the random path of that seed."""
    if not RANDOM.fullmatch(name):
        return PATHS[name]
    sim = os.environ.get("BENCH_SIM") or os.path.join(os.environ["BUILD"], "tests/sim")
    drawn = subprocess.run([sim, "--wild-options", name.removeprefix("wild-")], stdout=subprocess.PIPE, text=True, check=True)
    facts, options = drawn.stdout.splitlines()
    facts = {key: float(value) for key, value in (word.split("=") for word in facts.split()[1:])}
    if facts["mbits"] >= NAP_FROM_MBPS:
        options += f" --nap {NAP}"
    startup_s = max(SETTLED_S, SETTLED_ROUND_TRIPS * facts["rtt_ms"] / 1e3)
    return Path(name=name, mbps=facts["mbits"], rtt_ms=facts["rtt_ms"], loss=facts["loss"], queue_bdp=facts["bdps"],
                seconds=round(facts["seconds"]), startup_s=round(startup_s, 1), options=options)


def ideal_mbps(path):
    """Returns the goodput of full packets sent without pauses, minus the lost ones."""
    return path.mbps * PAYLOAD_SHARE * (1 - path.loss)


def ideal_object_ms(path, byte_count):
    """One round trip to connect, one for the request, and the bytes at the link's rate."""
    return 2 * path.rtt_ms + byte_count * 8 / (path.mbps * PAYLOAD_SHARE * 1e3)


def bdp_ms(path):
    """The queueing delay of a full bandwidth-delay product: a round trip's time."""
    return path.rtt_ms


def main():
    print(" | ".join(map(str, path_named(sys.argv[1]))))


if __name__ == "__main__":
    main()
