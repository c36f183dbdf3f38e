# SPDX-License-Identifier: MIT
"""The six packets (section 3): from bytes and to bytes. What is sealed stays sealed here."""
import hashlib
from typing import NamedTuple

from .siphash import siphash24
from .wire import Malformed, Reader

SYN, SYNACK, COOKIE, DATA, RESET, REFUSE = range(1, 7)
VERSION = 2
SUITES = (1, 2)
NOISE, RESUME, RESUME_DH, NK, IK, NX, XX = 0, 1, 3, 0x04, 0x14, 0x08, 0x18
FLAGS = (NOISE, RESUME, RESUME_DH, NK, IK, NX, XX)
SYN_MIN, SYNACK_MAX, COOKIE_MAX = 1200, 256, 64
SYN_HEADER, SYNACK_HEADER, HEADER, SHORT_HEADER, TAG = 16, 12, 13, 9, 16
PORT_CLOSED, KEY_MISMATCH, OTHER_VERSION, BUSY, NO_ASSOCIATION, EARLY_TAKEN, OTHER_KEY, NOT_AUTHORIZED = range(1, 9)
TO_KEY, ASK_KEY, OWN_KEY, MAC = 0x04, 0x08, 0x10, 8
# The least bytes of each kind of message: what comes before the sealed part, and the tag.
MESSAGE_MIN = {NOISE: 32 + TAG, RESUME: 16 + TAG, RESUME_DH: 16 + 32 + TAG, NK: 32 + TAG + MAC,
               IK: 32 + 32 + TAG + TAG + MAC, NX: 32 + TAG, XX: 32 + TAG}


class BadCheck(Malformed):
    """The check of a SYN is wrong: it is neither answered nor refused."""


class OtherVersion(Exception):
    """A SYN that asks for something that this version does not have."""

    def __init__(self, source_id):
        super().__init__()
        self.source_id = source_id


class Syn(NamedTuple):
    suite: int
    flags: int
    source_id: int
    port: int
    cookie: bytes
    message: bytes

    def prologue(self):
        return syn_header(self.suite, self.flags, self.source_id, self.port, 0)

    def identity(self):
        """What a duplicate has in common with its original (section 6.2)."""
        return self.source_id, self.flags, self.message[:16 if self.flags in (RESUME, RESUME_DH) else 32]


class Synack(NamedTuple):
    suite: int
    flags: int
    to_id: int
    message: bytes


class Cookie(NamedTuple):
    to_id: int
    cookie: bytes


class Data(NamedTuple):
    phase: int
    is_short: bool
    to_id: int
    low_number: int
    header: bytes
    sealed: bytes


class Reset(NamedTuple):
    from_id: int
    token: bytes


class Refuse(NamedTuple):
    to_id: int
    reason: int
    version: int


def syn_header(suite, flags, source_id, port, cookie_length):
    return bytes([SYN << 4, VERSION, suite, flags]) + source_id.to_bytes(8, "big") + \
        port.to_bytes(2, "big") + bytes([cookie_length, 0])


def _mac(syn, message, listener):
    """Shows that the sender knows the listener's static key."""
    key = hashlib.sha256(b"rudp listener mac" + listener).digest()[:16]
    head = syn_header(syn.suite, syn.flags, syn.source_id, syn.port, len(syn.cookie))
    return siphash24(key, head + syn.cookie + message).to_bytes(MAC, "big")


def with_mac(syn, listener):
    return syn._replace(message=syn.message + _mac(syn, syn.message, listener))


def is_mac_right(syn, listener):
    return syn.message[-MAC:] == _mac(syn, syn.message[:-MAC], listener)


def encode_syn(syn):
    head = syn_header(syn.suite, syn.flags, syn.source_id, syn.port, len(syn.cookie))
    body = head + syn.cookie + syn.message
    return body + siphash24(bytes(16), body).to_bytes(8, "big")


def synack_header(suite, flags, to_id):
    return bytes([SYNACK << 4, VERSION, suite, flags]) + to_id.to_bytes(8, "big")


def encode_cookie(cookie):
    return bytes([COOKIE << 4]) + cookie.to_id.to_bytes(8, "big") + bytes([len(cookie.cookie)]) + cookie.cookie


def data_header(phase, is_short, to_id, number):
    """number: with the offset of the id."""
    first = bytes([DATA << 4 | is_short << 1 | phase])
    if is_short:
        return first + (to_id & 0xffffffff).to_bytes(4, "big") + (number & 0xffffffff).to_bytes(4, "big")
    return first + to_id.to_bytes(8, "big") + (number & 0xffffffff).to_bytes(4, "big")


def encode_reset(reset):
    return bytes([RESET << 4]) + reset.from_id.to_bytes(8, "big") + reset.token


def encode_refuse(refuse):
    return bytes([REFUSE << 4]) + refuse.to_id.to_bytes(8, "big") + bytes([refuse.reason, refuse.version])


def _decode_syn(data):
    if len(data) < SYN_MIN:
        raise Malformed("a SYN that is too short")
    if siphash24(bytes(16), data[:-8]) != int.from_bytes(data[-8:], "big"):
        raise BadCheck
    reader = Reader(data[:-8])
    reader.take(1)
    version, suite, flags = reader.take(3)
    source_id = reader.uint(8)
    port, cookie_length, reserved = reader.uint(2), reader.uint(1), reader.uint(1)
    if source_id == 0:
        raise Malformed("id 0")
    if version != VERSION or suite not in SUITES or flags not in FLAGS or reserved != 0:
        raise OtherVersion(source_id)
    if cookie_length > COOKIE_MAX:
        raise Malformed("a cookie that is too long")
    cookie = reader.take(cookie_length)
    return Syn(suite, flags, source_id, port, cookie, reader.rest())


def _decode_synack(data):
    if len(data) > SYNACK_MAX:
        raise Malformed("a SYNACK that is too long")
    reader = Reader(data)
    reader.take(1)
    version, suite, flags = reader.take(3)
    if version != VERSION or suite not in SUITES or flags not in FLAGS:
        raise Malformed("a SYNACK of another version")
    to_id = reader.uint(8)
    if reader.left() < 32 + TAG:
        raise Malformed("truncated")
    return Synack(suite, flags, to_id, reader.rest())


def _decode_cookie(data):
    reader = Reader(data)
    reader.take(1)
    to_id, length = reader.uint(8), reader.uint(1)
    if not 1 <= length <= COOKIE_MAX or reader.left() != length:
        raise Malformed("length of the cookie")
    return Cookie(to_id, reader.rest())


def _decode_data(data):
    is_short = bool(data[0] & 2)
    size = SHORT_HEADER if is_short else HEADER
    # A packet without frames is malformed, but only an authentic one has an effect (section 4).
    if len(data) < size + TAG:
        raise Malformed("truncated")
    reader = Reader(data)
    reader.take(1)
    to_id, low_number = reader.uint(size - 5), reader.uint(4)
    return Data(data[0] & 1, is_short, to_id, low_number, data[:size], data[size:])


def _decode_reset(data):
    if len(data) != 25:
        raise Malformed("length of a RESET")
    return Reset(int.from_bytes(data[1:9], "big"), data[9:])


def _decode_refuse(data):
    if len(data) != 11:
        raise Malformed("length of a REFUSE")
    return Refuse(int.from_bytes(data[1:9], "big"), data[9], data[10])


_DECODERS = {SYN: _decode_syn, SYNACK: _decode_synack, COOKIE: _decode_cookie, DATA: _decode_data,
             RESET: _decode_reset, REFUSE: _decode_refuse}


def decode(data):
    """Raises Malformed or OtherVersion."""
    if not data:
        raise Malformed("empty")
    kind, low = data[0] >> 4, data[0] & 0xf
    if kind not in _DECODERS or low & ~(3 if kind == DATA else 0):
        raise Malformed("type")
    return _DECODERS[kind](data)
