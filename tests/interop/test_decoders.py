# SPDX-License-Identifier: MIT
"""Both implementations decode the same inputs, and must agree on verdict and meaning.

    test_decoders.py [COUNT [SEED]]     the program to compare with (decode.c) is $DECODE, or that of the build
"""
import os
import pathlib
import random
import subprocess
import sys
import zlib

from pyrudp import frames, packets, params
from pyrudp.siphash import siphash24
from pyrudp.wire import VARINT_MAX, Malformed, varint

COUNT, SEED, BATCH = 30000, 1, 20000
DECODE = os.environ.get("DECODE", pathlib.Path(__file__).parents[2].resolve() / "build/tests/decode")
# Checking a SYN takes this implementation a thousand times longer than all else.
SYN_SHARE = 0.01
DELAY_MAX_US = (1 << 32) - 1


def shown(data):
    return f"{len(data)}:{zlib.crc32(data):08x}"


def packet_meaning(data):
    try:
        packet = packets.decode(data)
    except packets.OtherVersion as fault:
        return f"version {fault.source_id}"
    except Malformed:
        return "drop"
    if isinstance(packet, packets.Data):
        return f"data {packet.phase} {packet.is_short:d} {packet.to_id} {packet.low_number} " \
            f"{shown(packet.header)} {shown(packet.sealed)}"
    fields = [shown(field) if isinstance(field, bytes) else str(field) for field in packet]
    return " ".join([type(packet).__name__.lower(), *fields])


def ack_meaning(ack):
    # Longer delays are no more than that: they are capped to the peer's ack delay max, at most a second.
    text = f"ack {ack.ranges[0][1]} {min(ack.delay_us, DELAY_MAX_US)}"
    text += "".join(f" {low}-{high + 1}" for low, high in ack.ranges)
    return text + (" ecn %d %d %d" % ack.ecn if ack.ecn else "")


def frame_meaning(frame):
    if frame.kind == frames.ACK:
        return ack_meaning(frame)
    if frame.kind == frames.STREAM:
        return f"stream {frame.fin:d} {frame.offset} {shown(frame.data)}"
    if frame.kind == frames.REPAIR:
        return f"repair {frame.offset} {frame.count} {frame.row} {shown(frame.symbol)}"
    if frame.kind == frames.PADDING:
        return "0"
    return " ".join([str(frame.kind), *(shown(x) if isinstance(x, bytes) else str(x) for x in frame)])


def frames_meaning(data):
    try:
        return "".join(frame_meaning(frame) + "; " for frame in frames.decode(data))
    except Malformed:
        return "malformed"


def params_meaning(data, in_syn):
    try:
        got = params.decode(data, in_syn)
    except Malformed:
        return "malformed"
    text = f"params {got.source_id} {got.window} {got.datagram_max} {got.ack_delay_max_us} {shown(got.token)} " \
        f"{got.repairs:d}{got.short_ids:d}{got.key_shares:d}{got.spare_ids:d}"
    if not in_syn:
        return f"{text} {got.association or 0} {got.early_taken} {got.key_lasts:d}"
    text += f" {got.association is not None:d} {shown(got.early)}"
    if got.spent:
        return f"{text} {got.spent.association} {got.spent.counter} {shown(got.spent.proof)}"
    return text + " 0"


MEANING = {"p": packet_meaning, "f": frames_meaning, "s": lambda data: params_meaning(data, True),
           "a": lambda data: params_meaning(data, False)}


class Maker:
    """Inputs by grammar, many of them damaged."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def bytes(self, most):
        return self.rng.randbytes(self.rng.randint(0, most))

    def number(self):
        """Mostly at a border of something."""
        near = self.rng.choice((0, 1, 2, 31, 63, 64, 127, 128, 1199, 1200, 16383, 16384, 65535, 1000000,
                                (1 << 30) - 1, 1 << 32, VARINT_MAX))
        return min(VARINT_MAX, max(0, near + self.rng.randint(-2, 2)))

    def varint(self, value=None):
        """Any of the sizes that hold the value."""
        value = self.number() if value is None else value
        least = len(varint(value)).bit_length() - 1
        exponent = self.rng.choice((least, least, least, self.rng.randint(least, 3)))
        return (value | exponent << (8 * (1 << exponent) - 2)).to_bytes(1 << exponent, "big")

    def damaged(self, data):
        """Most inputs stay as they are, or get one of the faults that a decoder must see."""
        rng, data = self.rng, bytearray(data)
        for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
            at = rng.randint(0, len(data))
            what = rng.randrange(5)
            if what == 0 and at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            elif what == 1 and at < len(data):
                data[at] = rng.choice((0, 0xff, 0x40, rng.randrange(256)))
            elif what == 2:
                del data[at:]
            elif what == 3:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            elif what == 4:
                del data[at:at + rng.randint(1, 4)]
        return bytes(data)

    # Packets.

    def head(self, kind):
        rng = self.rng
        flags = rng.choice((0, 1, 3, 4, 0x14, 8, 0x18, rng.randrange(256)))
        return bytes([kind << 4, rng.choice((1, 1, 1, 1, rng.randrange(256))), rng.choice((1, 2, 1, 2, 0, 3)), flags])

    def id(self):
        return self.rng.choice((bytes(8), self.rng.randbytes(8), self.rng.randbytes(8)))

    def syn(self):
        rng = self.rng
        length = rng.choice((0, 0, 24, 64, 65, 255))
        data = self.head(packets.SYN) + self.id() + rng.randbytes(2) + bytes([length, rng.choice((0, 0, 0, 0, 1))]) + \
            rng.randbytes(length)
        size = 1192 + rng.choice((0, 0, 1, -1, 64, -400))
        data = self.damaged(data + rng.randbytes(max(0, size - len(data))))
        check = siphash24(bytes(16), data)
        return data + (check ^ (rng.randrange(8) == 0)).to_bytes(8, "big")

    def synack(self):
        return self.head(packets.SYNACK) + self.id() + \
            self.rng.randbytes(self.rng.choice((47, 48, 94, 180, 243, 244, 245, 260)))

    def cookie(self):
        length = self.rng.choice((0, 1, 24, 64, 65))
        return b"\x30" + self.id() + bytes([length]) + self.rng.randbytes(length)

    def data(self):
        rng = self.rng
        return bytes([0x40 | rng.choice((0, 1, 2, 3, 4))]) + rng.randbytes(rng.choice((8, 12))) + \
            rng.randbytes(rng.choice((15, 16, 17, 40)))

    def packet(self):
        rng = self.rng
        if rng.random() < SYN_SHARE:
            return self.syn()
        return self.damaged(rng.choice((
            self.synack, self.cookie, self.data, lambda: b"\x50" + rng.randbytes(24),
            lambda: b"\x60" + self.id() + bytes([rng.randrange(10), 1])))())

    # Frames.

    def ack(self, kind):
        rng = self.rng
        more = rng.choice((0, 0, 1, 2, 3, 62, 63, 64))
        out = bytes([kind]) + self.varint() + self.varint() + self.varint(more)
        small = rng.random() < 0.7
        out += self.varint(rng.randint(0, 3) if small else None)
        for _ in range(2 * more):
            out += self.varint(rng.randint(0, 3) if small else None)
        return out + (self.varint() + self.varint() + self.varint() if kind == frames.ACK_ECN else b"")

    def frame(self):
        rng = self.rng
        kind = rng.choice((*range(17), rng.randrange(256)))
        head = bytes([kind])
        if kind in (frames.ACK, frames.ACK_ECN):
            return self.ack(kind)
        if kind in (frames.STREAM, frames.STREAM_FIN):
            data = self.bytes(30)
            return head + self.varint() + len(data).to_bytes(2, "big") + data
        if kind in (frames.CHALLENGE, frames.RESPONSE):
            return head + rng.randbytes(8)
        if kind == frames.REPAIR:
            return head + self.varint() + bytes(rng.choice((0, 1, 127, 128, 129)) for _ in range(2)) + self.bytes(30)
        if kind == frames.KEY_SHARE:
            return head + self.varint() + rng.randbytes(32)
        if kind == frames.IDENTITY:
            return head + rng.randbytes(64)
        if kind == frames.SPARE_ID:
            return head + self.varint() + rng.choice((rng.randbytes(8), rng.randbytes(8), bytes(8))) + rng.randbytes(20)
        return head + (self.varint() if kind > frames.PING else bytes(rng.choice((0, 0, 5))))

    def frames(self):
        count = self.rng.choice((0, 1, 1, 2, 3, 5, 5))
        if self.rng.random() < 0.02:
            return b"".join(self.rng.choice((b"\x01", b"\x00\x01")) for _ in range(self.rng.randint(30, 66)))
        return self.damaged(b"".join(self.frame() for _ in range(count)))

    # Parameters.

    def value(self, kind):
        rng = self.rng
        if kind in (params.WINDOW, params.DATAGRAM_MAX, params.ACK_DELAY_MAX, params.EARLY_TAKEN):
            right = {params.DATAGRAM_MAX: 1200 + rng.randrange(3), params.ACK_DELAY_MAX: 25000}
            return self.varint(right.get(kind, 5) if rng.random() < 0.8 else None)
        if kind in (params.REPAIRS, params.SHORT_IDS, params.KEY_SHARES, params.KEY_LASTS, params.SPARE_IDS):
            return rng.choice((b"",) * 9 + (b"\0",))
        if kind == params.ASSOCIATION:
            return rng.choice((b"", rng.randbytes(8), rng.randbytes(8), bytes(8), rng.randbytes(7)))
        if kind == params.SPENT:
            return rng.choice((rng.randbytes(32), rng.randbytes(32), bytes(32), rng.randbytes(31)))
        size = {params.SOURCE_ID: 8, params.TOKEN: 16}.get(kind, rng.randrange(12))
        return rng.randbytes(size)

    def params(self):
        rng = self.rng
        kinds = list(params.REQUIRED) + [kind for kind in range(6, 16) if rng.random() < 0.3]
        if rng.random() < 0.1:
            kinds += [rng.choice((rng.randint(1, 20), self.number()))]
        if rng.random() < 0.1:
            kinds.remove(rng.choice(kinds))
        rng.shuffle(kinds)
        out = b""
        for kind in kinds:
            value = self.value(kind)
            out += self.varint(kind) + self.varint(len(value)) + value
        out += bytes(rng.choice((0, 0, 3, 40)))
        return self.damaged(out) if rng.random() < 0.5 else out

    def input(self):
        kind = self.rng.choice("pffsa")
        return kind, {"p": self.packet, "f": self.frames}.get(kind, self.params)()


def compare(maker, count):
    inputs = [maker.input() for _ in range(count)]
    fed = b"".join(kind.encode() + len(data).to_bytes(4, "big") + data for kind, data in inputs)
    lines = subprocess.run([DECODE], input=fed, stdout=subprocess.PIPE, check=True).stdout
    lines = lines.decode().split("\n")[:-1]
    assert len(lines) == count, "the program decode has not answered each input"
    accepted = 0
    for (kind, data), theirs in zip(inputs, lines):
        ours = MEANING[kind](data)
        if ours != theirs:
            print(f"input {kind} {data.hex()}\n  document: {ours}\n  product:  {theirs}", file=sys.stderr)
            return None
        accepted += ours not in ("drop", "malformed")
    return accepted


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    if not os.access(DECODE, os.X_OK):
        print(f"test_decoders: {DECODE}, the program to compare with, is missing", file=sys.stderr)
        return 1
    maker, done, accepted = Maker(seed), 0, 0
    while done < count:
        size = min(BATCH, count - done)
        more = compare(maker, size)
        if more is None:
            print(f"test_decoders: the decoders differ, seed {seed}, after {done} inputs", file=sys.stderr)
            return 1
        done, accepted = done + size, accepted + more
    print(f"test_decoders: the decoders agree on {done} inputs, {accepted} of them accepted")
    # A comparison that sees only refusals, or none, would prove little.
    return not count / 5 < accepted < count * 4 / 5


if __name__ == "__main__":
    sys.exit(main())
