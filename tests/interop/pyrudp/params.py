# SPDX-License-Identifier: MIT
"""The parameters in SYN and SYNACK (section 5)."""
from typing import NamedTuple, Optional

from .wire import Malformed, Reader, varint

SOURCE_ID, WINDOW, DATAGRAM_MAX, ACK_DELAY_MAX, TOKEN, ASSOCIATION, EARLY, EARLY_TAKEN, SPENT, REPAIRS, SHORT_IDS, \
    KEY_SHARES, KEY_LASTS, SPARE_IDS = range(1, 15)
REQUIRED = (SOURCE_ID, WINDOW, DATAGRAM_MAX, ACK_DELAY_MAX, TOKEN)
DATAGRAM_MIN = 1200
ACK_DELAY_LIMIT_US = 1000000


class Spent(NamedTuple):
    association: int
    counter: int
    proof: bytes


class Params(NamedTuple):
    source_id: int
    window: int
    datagram_max: int
    ack_delay_max_us: int
    token: bytes
    # In SYN 0 asks for one; in SYNACK it is the id.
    association: Optional[int] = None
    early: bytes = b""
    early_taken: int = 0
    spent: Optional[Spent] = None
    repairs: bool = False
    short_ids: bool = False
    key_shares: bool = False
    key_lasts: bool = False
    spare_ids: bool = False


def _one(kind, value):
    return varint(kind) + varint(len(value)) + value


def encode(params, in_syn):
    out = _one(SOURCE_ID, params.source_id.to_bytes(8, "big")) + _one(WINDOW, varint(params.window)) + \
        _one(DATAGRAM_MAX, varint(params.datagram_max)) + _one(ACK_DELAY_MAX, varint(params.ack_delay_max_us)) + \
        _one(TOKEN, params.token)
    if params.association is not None:
        out += _one(ASSOCIATION, b"" if in_syn else params.association.to_bytes(8, "big"))
    if params.early:
        out += _one(EARLY, params.early)
    if params.early_taken:
        out += _one(EARLY_TAKEN, varint(params.early_taken))
    if params.spent:
        spent = params.spent
        out += _one(SPENT, spent.association.to_bytes(8, "big") + spent.counter.to_bytes(8, "big") + spent.proof)
    for kind, is_set in ((REPAIRS, params.repairs), (SHORT_IDS, params.short_ids), (KEY_SHARES, params.key_shares),
                         (KEY_LASTS, params.key_lasts), (SPARE_IDS, params.spare_ids)):
        if is_set:
            out += _one(kind, b"")
    return out


def _split(payload):
    """The values by type, up to the padding."""
    reader, values = Reader(payload), {}
    while reader.left():
        if reader.data[reader.at] == 0:
            if any(reader.rest()):
                raise Malformed("after the padding")
            break
        kind = reader.varint()
        if kind == 0:
            raise Malformed("type 0")
        value = reader.take(reader.varint())
        if kind in values and kind <= SPARE_IDS:
            raise Malformed("twice")
        values[kind] = value
    return values


def _number(value):
    reader = Reader(value)
    number = reader.varint()
    if reader.left():
        raise Malformed("length of a number")
    return number


def _sized(values, kind, size):
    if kind in values and len(values[kind]) != size:
        raise Malformed("length of a parameter")
    return values.get(kind)


def _id(value):
    number = int.from_bytes(value, "big")
    if number == 0:
        raise Malformed("id 0")
    return number


def _association(values, in_syn):
    value = _sized(values, ASSOCIATION, 0 if in_syn else 8)
    if value is None:
        return None
    return 0 if in_syn else _id(value)


def _spent(values):
    value = _sized(values, SPENT, 32)
    if value is None:
        return None
    return Spent(_id(value[:8]), int.from_bytes(value[8:16], "big"), value[16:])


def decode(payload, in_syn):
    """Raises Malformed."""
    values = _split(payload)
    if any(kind not in values for kind in REQUIRED):
        raise Malformed("a required parameter is missing")
    datagram_max, ack_delay_max_us = _number(values[DATAGRAM_MAX]), _number(values[ACK_DELAY_MAX])
    if datagram_max < DATAGRAM_MIN or ack_delay_max_us > ACK_DELAY_LIMIT_US:
        raise Malformed("value of a parameter")
    early = values.get(EARLY)
    if early is not None and not early:
        raise Malformed("early data of no bytes")
    early_taken = _number(values[EARLY_TAKEN]) if EARLY_TAKEN in values else None
    if early_taken == 0:
        raise Malformed("no bytes taken")
    for flag in (REPAIRS, SHORT_IDS, KEY_SHARES, KEY_LASTS, SPARE_IDS):
        _sized(values, flag, 0)
    return Params(_id(_sized(values, SOURCE_ID, 8)), _number(values[WINDOW]), datagram_max, ack_delay_max_us,
                  _sized(values, TOKEN, 16), _association(values, in_syn), early or b"", early_taken or 0,
                  _spent(values), REPAIRS in values, SHORT_IDS in values, KEY_SHARES in values,
                  KEY_LASTS in values, SPARE_IDS in values)
