# SPDX-License-Identifier: MIT
"""Integers on the wire (section 1), and a reader that refuses what is truncated."""

VARINT_MAX = (1 << 62) - 1


class Malformed(Exception):
    """The bytes violate the specification."""


def varint(value):
    for exponent in range(4):
        bits = 8 * (1 << exponent)
        if value < 1 << (bits - 2):
            return (value | exponent << (bits - 2)).to_bytes(1 << exponent, "big")
    raise ValueError(f"{value} is too large for a varint")


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if count > self.left():
            raise Malformed("truncated")
        piece = self.data[self.at:self.at + count]
        self.at += count
        return piece

    def rest(self):
        return self.take(self.left())

    def uint(self, count):
        return int.from_bytes(self.take(count), "big")

    def varint(self):
        first = self.uint(1)
        value = first & 0x3f
        for byte in self.take((1 << (first >> 6)) - 1):
            value = value << 8 | byte
        return value
