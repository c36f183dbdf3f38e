#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an observer sees in the headers of rudp's DATA packets (docs/protocol.md section 3.4), without a key.

    observe.py watch PORT     prints a line for each packet from and to this UDP port of this host, until it is killed:
                              the other host's address, whether it goes there, the low half of the id, the number
    observe.py compare FILE   exits with 1 if two addresses have an id in common, or numbers that follow on each other;
                              prints how many addresses and ids there are
"""
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP = 3, 0x0800
IPPROTO_UDP = 17
DATA, SHORT = 4, 2
# A connection of the test has fewer packets by far; unrelated numbers are so near once in a million times.
NEAR = 1000


def header(payload):
    """Low half of the id and number of a DATA packet, or None."""
    if len(payload) < 9 or payload[0] >> 4 != DATA:
        return None
    return struct.unpack_from(">II", payload, 1 if payload[0] & SHORT else 5)


def packets(port):
    """(other address, whether it goes there, id, number)"""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as tap:
        while True:
            data, (_, protocol, kind, _, _) = tap.recvfrom(65536)
            size = 4 * (data[0] & 15) if data else 0
            if protocol != ETH_P_IP or len(data) < size + 8 or data[9] != IPPROTO_UDP:
                continue
            ports = struct.unpack_from(">HH", data, size)
            seen = header(data[size + 8:])
            is_out = kind == socket.PACKET_OUTGOING
            if seen and ports[0 if is_out else 1] == port:
                yield socket.inet_ntoa(data[16:20] if is_out else data[12:16]), is_out, *seen


def watch(port):
    for address, is_out, number_of_id, number in packets(port):
        print(address, int(is_out), number_of_id, number, flush=True)


def compare(path):
    with open(path, encoding="ascii") as file:
        # The last line may be cut off.
        seen = [line.split() for line in file if line.endswith("\n")]
    ids, numbers = {}, {}
    for address, is_out, number_of_id, number in seen:
        ids.setdefault(address, set()).add(number_of_id)
        numbers.setdefault((address, is_out), []).append(int(number))
    addresses, common = list(ids), []
    for i, one in enumerate(addresses):
        for other in addresses[i + 1:]:
            common += [f"{one} and {other}: id {each}" for each in ids[one] & ids[other]]
            for is_out in "01":
                distance = (numbers[other, is_out][0] - numbers[one, is_out][-1]) % (1 << 32)
                if min(distance, (1 << 32) - distance) < NEAR:
                    common.append(f"{one} and {other}: numbers that follow")
    for each in common:
        print(each)
    print(f"{len(addresses)} addresses, {sum(map(len, ids.values()))} ids, {len(seen)} packets")
    return bool(common)


def main():
    if sys.argv[1:2] == ["watch"]:
        watch(int(sys.argv[2]))
    sys.exit(compare(sys.argv[2]))


main()
