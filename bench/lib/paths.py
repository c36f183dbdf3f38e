# SPDX-License-Identifier: MIT
"""paths.txt as a table."""
import os
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


def ideal_mbps(path):
    """What full packets without a pause would bring of payload, less the lost ones."""
    return path.mbps * PAYLOAD_SHARE * (1 - path.loss)


def ideal_object_ms(path, byte_count):
    """One round trip to connect, one for the request, and the bytes at the link's rate."""
    return 2 * path.rtt_ms + byte_count * 8 / (path.mbps * PAYLOAD_SHARE * 1e3)


def bdp_ms(path):
    """The queueing delay of a full bandwidth-delay product: a round trip's time."""
    return path.rtt_ms
