# SPDX-License-Identifier: MIT
"""SipHash-2-4 (Aumasson and Bernstein, 2012), for the check of a SYN (section 3.1)."""

MASK = (1 << 64) - 1


def _rotate(value, count):
    return (value << count | value >> (64 - count)) & MASK


def _round(a, b, c, d):
    a = (a + b) & MASK
    b = _rotate(b, 13) ^ a
    a = _rotate(a, 32)
    c = (c + d) & MASK
    d = _rotate(d, 16) ^ c
    a = (a + d) & MASK
    d = _rotate(d, 21) ^ a
    c = (c + b) & MASK
    b = _rotate(b, 17) ^ c
    c = _rotate(c, 32)
    return a, b, c, d


def siphash24(key, data):
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    state = (k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573)
    whole = len(data) // 8 * 8
    words = [int.from_bytes(data[at:at + 8], "little") for at in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xff) << 56)
    for word in words:
        state = _round(*state[:3], state[3] ^ word)
        state = _round(*state)
        state = (state[0] ^ word, *state[1:])
    state = (state[0], state[1], state[2] ^ 0xff, state[3])
    for _ in range(4):
        state = _round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]
