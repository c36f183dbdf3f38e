# SPDX-License-Identifier: MIT
"""Associations: what they are made of, and the two messages of a resumed handshake (sections 6.7 and 6.8)."""
from typing import NamedTuple, Optional

from . import packets
from .aead import Cipher, hmac
from .noise import public_bytes, x25519
from .packets import RESUME_DH

FRESH_S, LASTING_S, LISTENER_GRACE_S = 120, 24 * 3600, 15


class Proven(NamedTuple):
    """The static keys that a handshake has proven."""
    listener: Optional[bytes]
    initiator: Optional[bytes]

    def would_be(self, kind, initiator, known_listener):
        """Whether a full handshake of this kind proves the same. One that asks for the key takes any."""
        if self.initiator != initiator:
            return False
        if kind & packets.TO_KEY:
            return self.listener == known_listener
        return (self.listener is not None) == bool(kind & packets.ASK_KEY)


class Association:
    """The secrets of two endpoints that have met. The initiator counts its SYNs; the listener keeps a window of them."""

    def __init__(self, number, fresh, lasting, now, psk, proven, window=None):
        self.id, self.fresh, self.lasting, self.made_at, self.psk = number, fresh, lasting, now, psk
        self.proven = proven
        self.next_counter = 0
        self.used = window
        # The listener is known to have stored it.
        self.is_confirmed = False

    def secret(self, flags, now, grace=0):
        """The secret for this kind of SYN, or None when its time is over."""
        if flags == RESUME_DH:
            return self.lasting if now < self.made_at + LASTING_S + grace else None
        return self.fresh if now < self.made_at + FRESH_S + grace else None

    def take_counter(self):
        self.next_counter += 1
        return self.next_counter - 1


def secrets_of_noise(handshake):
    """fresh and lasting, after the second message."""
    ck, h = handshake.symmetric.ck, handshake.symmetric.h
    return hmac(ck, b"rudp association, fresh" + h), hmac(ck, b"rudp association, lasting" + h)


def binding_of_noise(handshake):
    """The channel binding (section 6.9), after the second message."""
    return hmac(handshake.symmetric.ck, b"rudp channel binding" + handshake.symmetric.h)


def proof_of_spent(lasting, number, counter):
    return hmac(lasting, b"rudp spent" + number.to_bytes(8, "big") + counter.to_bytes(8, "big"))[:16]


class Resumption:
    """One resumed handshake. `ephemeral` is the private key of this side, only with DH."""

    def __init__(self, suite, flags, prologue, secret, number, counter, ephemeral=None):
        self.suite, self.with_dh, self.ephemeral = suite, flags == RESUME_DH, ephemeral
        self.bound = prologue + number.to_bytes(8, "big") + counter.to_bytes(8, "big")
        self.prefix = self.bound[len(prologue):]
        self.secret = secret
        self.chain1 = self.tag = self.chain2 = None

    def _begin(self, public):
        self.bound += public
        self.chain1 = hmac(self.secret, b"rudp resume" + self.bound)
        return Cipher(self.suite, hmac(self.chain1, b"\x01"))

    def write_syn(self, payload):
        public = public_bytes(self.ephemeral) if self.with_dh else b""
        sealed = self._begin(public).seal(0, self.bound, payload)
        self.tag = sealed[-16:]
        return self.prefix + public + sealed

    def read_syn(self, message):
        """Of the listener. Raises NotAuthentic."""
        at = 48 if self.with_dh else 16
        self.remote = message[16:at]
        payload = self._begin(self.remote).open(0, self.bound, message[at:])
        self.tag = message[-16:]
        return payload

    def _answer(self, header, share, shared):
        self.chain2 = hmac(self.chain1, b"\x02" + self.tag + header + share + shared)
        return Cipher(self.suite, hmac(self.chain2, b"\x01"))

    def write_synack(self, header, share, payload):
        """share: 32 random bytes; with DH it is the listener's ephemeral key instead."""
        shared = b""
        if self.with_dh:
            share, shared = public_bytes(self.ephemeral), x25519(self.ephemeral, self.remote)
        return share + self._answer(header, share, shared).seal(0, header + share, payload)

    def read_synack(self, header, message):
        """Raises NotAuthentic or Malformed."""
        share = message[:32]
        shared = x25519(self.ephemeral, share) if self.with_dh else b""
        return self._answer(header, share, shared).open(0, header + share, message[32:])

    def split(self):
        return hmac(self.chain2, b"\x02"), hmac(self.chain2, b"\x03")

    def binding(self):
        return hmac(self.chain2, b"\x06")

    def secrets(self):
        """fresh and lasting of a new association; None without DH."""
        if not self.with_dh:
            return None
        return hmac(self.chain2, b"\x04"), hmac(self.chain2, b"\x05")
