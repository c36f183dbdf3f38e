# SPDX-License-Identifier: MIT
"""The frames of a DATA packet (section 4)."""
from typing import NamedTuple, Optional, Tuple

from .wire import VARINT_MAX, Malformed, Reader, varint

PADDING, PING, ACK, ACK_ECN, STREAM, STREAM_FIN, WINDOW, BLOCKED, RESET, CHALLENGE, RESPONSE, URGENT, REPAIR, \
    ARRIVED, KEY_SHARE, IDENTITY, SPARE_ID = range(17)
FRAMES_MAX, RANGES_MAX = 64, 64
SYMBOLS_MAX = ROWS_MAX = 128
APPLICATION, TIMED_OUT, PROTOCOL, NO_RESOURCES, STATELESS, NOT_AUTHORIZED = range(6)


class Padding(NamedTuple):
    kind = PADDING
    count: int = 1


class Ping(NamedTuple):
    kind = PING


class Ack(NamedTuple):
    kind = ACK
    # (lowest, highest), from the highest range downwards.
    ranges: Tuple[Tuple[int, int], ...]
    delay_us: int
    # Packets with ECT(0), ECT(1), CE.
    ecn: Optional[Tuple[int, int, int]] = None


class Stream(NamedTuple):
    kind = STREAM
    offset: int
    data: bytes
    fin: bool


class Window(NamedTuple):
    kind = WINDOW
    offset: int


class Blocked(NamedTuple):
    kind = BLOCKED
    offset: int


class ResetFrame(NamedTuple):
    kind = RESET
    reason: int


class Challenge(NamedTuple):
    kind = CHALLENGE
    data: bytes


class Response(NamedTuple):
    kind = RESPONSE
    data: bytes


class Urgent(NamedTuple):
    kind = URGENT
    offset: int


class Repair(NamedTuple):
    kind = REPAIR
    offset: int
    count: int
    row: int
    symbol: bytes


class Arrived(NamedTuple):
    kind = ARRIVED
    offset: int


class KeyShare(NamedTuple):
    kind = KEY_SHARE
    number: int
    public: bytes


class Identity(NamedTuple):
    kind = IDENTITY
    proof: bytes


class SpareId(NamedTuple):
    kind = SPARE_ID
    number: int
    id: int
    token: bytes
    # Added to the packet numbers in headers with this id.
    offset: int


def is_eliciting(frame):
    return frame.kind not in (PADDING, ACK)


def _encode_ack(ack):
    out = bytes([ACK if ack.ecn is None else ACK_ECN])
    low, high = ack.ranges[0]
    out += varint(high) + varint(ack.delay_us) + varint(len(ack.ranges) - 1) + varint(high - low)
    for next_low, next_high in ack.ranges[1:]:
        out += varint(low - next_high - 2) + varint(next_high - next_low)
        low = next_low
    return out + b"".join(map(varint, ack.ecn or ()))


def _encode_stream(frame):
    return bytes([STREAM_FIN if frame.fin else STREAM]) + varint(frame.offset) + \
        len(frame.data).to_bytes(2, "big") + frame.data


def encode(frame):
    kind = frame.kind
    if kind == ACK:
        return _encode_ack(frame)
    if kind == STREAM:
        return _encode_stream(frame)
    if kind == PADDING:
        return bytes(frame.count)
    head = bytes([kind])
    if kind in (CHALLENGE, RESPONSE):
        return head + frame.data
    if kind == IDENTITY:
        return head + frame.proof
    if kind == REPAIR:
        return head + varint(frame.offset) + bytes([frame.count, frame.row]) + frame.symbol
    if kind == KEY_SHARE:
        return head + varint(frame.number) + frame.public
    if kind == SPARE_ID:
        return head + varint(frame.number) + frame.id.to_bytes(8, "big") + frame.token + \
            frame.offset.to_bytes(4, "big")
    return head + b"".join(map(varint, frame))


def _decode_ack(reader, with_ecn):
    high, delay_us, more = reader.varint(), reader.varint(), reader.varint()
    if more >= RANGES_MAX:
        raise Malformed("too many ranges")
    low = high - reader.varint()
    ranges = [(low, high)]
    for _ in range(more):
        gap, length = reader.varint(), reader.varint()
        high = low - gap - 2
        low = high - length
        ranges.append((low, high))
    # Each range lies below the one before, so the last one is the lowest.
    if low < 0:
        raise Malformed("a range below 0")
    ecn = (reader.varint(), reader.varint(), reader.varint()) if with_ecn else None
    return Ack(tuple(ranges), delay_us, ecn)


def _decode_stream(reader, fin):
    offset, length = reader.varint(), reader.uint(2)
    data = reader.take(length)
    if offset + length > VARINT_MAX:
        raise Malformed("end of the stream bytes")
    return Stream(offset, data, fin)


def _decode_repair(reader):
    offset, count, row = reader.varint(), reader.uint(1), reader.uint(1)
    symbol = reader.rest()
    if not 1 <= count <= SYMBOLS_MAX or row >= ROWS_MAX or offset + count * len(symbol) > VARINT_MAX:
        raise Malformed("value of a REPAIR")
    return Repair(offset, count, row, symbol)


def _decode_key_share(reader):
    number, public = reader.varint(), reader.take(32)
    if number == 0:
        raise Malformed("exchange 0")
    return KeyShare(number, public)


def _decode_spare_id(reader):
    frame = SpareId(reader.varint(), reader.uint(8), reader.take(16), reader.uint(4))
    if frame.number == 0 or frame.id == 0:
        raise Malformed("number or id 0")
    return frame


def _decode_padding(reader):
    start = reader.at
    while reader.left() and reader.data[reader.at] == PADDING:
        reader.at += 1
    return Padding(reader.at - start + 1)


_DECODERS = {
    PADDING: _decode_padding,
    PING: lambda reader: Ping(),
    ACK: lambda reader: _decode_ack(reader, False),
    ACK_ECN: lambda reader: _decode_ack(reader, True),
    STREAM: lambda reader: _decode_stream(reader, False),
    STREAM_FIN: lambda reader: _decode_stream(reader, True),
    WINDOW: lambda reader: Window(reader.varint()),
    BLOCKED: lambda reader: Blocked(reader.varint()),
    RESET: lambda reader: ResetFrame(reader.varint()),
    CHALLENGE: lambda reader: Challenge(reader.take(8)),
    RESPONSE: lambda reader: Response(reader.take(8)),
    URGENT: lambda reader: Urgent(reader.varint()),
    REPAIR: _decode_repair,
    ARRIVED: lambda reader: Arrived(reader.varint()),
    KEY_SHARE: _decode_key_share,
    IDENTITY: lambda reader: Identity(reader.take(64)),
    SPARE_ID: _decode_spare_id,
}


def decode(plaintext):
    """All frames of a packet. Raises Malformed."""
    reader, frames = Reader(plaintext), []
    while reader.left():
        kind = reader.uint(1)
        if kind not in _DECODERS:
            raise Malformed("unknown frame")
        frames.append(_DECODERS[kind](reader))
    if not 1 <= len(frames) <= FRAMES_MAX:
        raise Malformed("number of frames")
    return frames
