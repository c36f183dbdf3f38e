# SPDX-License-Identifier: MIT
"""Packet protection, key update and fresh keys (section 7), packet numbers and replay (section 8)."""
import hashlib

from .aead import Cipher, NotAuthentic, hmac
from .packets import data_header

PACKETS_OF_KEY_MAX = 1 << 22
WINDOW_NUMBERS = 4096


class Numbers:
    """The window of packet numbers, or of counters of an association, that were accepted."""

    def __init__(self):
        self.largest = -1
        self.seen = set()

    def is_new(self, number):
        return number > self.largest - WINDOW_NUMBERS and number not in self.seen

    def accept(self, number):
        self.seen.add(number)
        if number > self.largest:
            self.largest = number
            if len(self.seen) > 2 * WINDOW_NUMBERS:
                self.seen = {n for n in self.seen if n > number - WINDOW_NUMBERS}

    def full(self, low, bits=32):
        """The number with these low bits nearest to the expected one (RFC 9000 appendix A.3)."""
        expected, span = self.largest + 1, 1 << bits
        number = expected - expected % span + low
        if number <= expected - span // 2 and number < (1 << 62) - span:
            return number + span
        if number > expected + span // 2 and number >= span:
            return number - span
        return number


def fresh_secret(shared, initiators_public, listeners_public):
    return hashlib.sha256(b"rudp fresh keys" + shared + initiators_public + listeners_public).digest()


class Protection:
    """Both directions of a connection."""

    def __init__(self, suite, send_key, receive_key):
        self.send, self.current = Cipher(suite, send_key), Cipher(suite, receive_key)
        self.send_phase = self.receive_phase = 0
        self.sealed_count = 0
        self.previous = self.next = None
        self.forget_previous_at = None
        # The lowest number received under the current key; the first one sent under the current send key.
        self.lowest = 0
        self.first_sent = 0
        self.is_send_acknowledged = False
        # Of an exchange of fresh keys, until both directions use it.
        self.secret = None
        self.secret_used = set()
        self.updates = self.fresh_updates = 0
        self.failures = 0
        self.received = Numbers()

    def _successor(self, cipher, direction):
        key = cipher.rekey()
        if self.secret and direction not in self.secret_used:
            key = hmac(key, self.secret)
        return Cipher(cipher.suite, key)

    def use_secret(self, secret):
        self.secret, self.secret_used, self.next = secret, set(), None

    def _mark_secret_used(self, direction):
        if not self.secret:
            return
        self.secret_used.add(direction)
        if len(self.secret_used) == 2:
            self.secret, self.secret_used = None, set()
            self.fresh_updates += 1

    def has_peer_followed(self):
        return self.send_phase == self.receive_phase

    def may_update(self):
        return self.has_peer_followed() and self.is_send_acknowledged

    def update_send(self, next_number):
        self.send = self._successor(self.send, "send")
        self._mark_secret_used("send")
        self.send_phase ^= 1
        self.sealed_count, self.first_sent, self.is_send_acknowledged = 0, next_number, False
        self.updates += 1

    def on_acknowledged(self, number):
        if number >= self.first_sent:
            self.is_send_acknowledged = True

    def _follow(self, number, next_number, now, keep_s):
        self.previous, self.current, self.next = self.current, self.next, None
        self._mark_secret_used("receive")
        self.receive_phase ^= 1
        self.lowest = number
        self.forget_previous_at = now + keep_s
        if not self.has_peer_followed():
            self.update_send(next_number)

    def open(self, packet, next_number, now, keep_s, offset=0):
        """Number, plaintext, and whether this packet has changed the key. Raises NotAuthentic. offset: of the id that
        the packet has."""
        number = self.received.full((packet.low_number - offset) % (1 << 32))
        if not self.received.is_new(number):
            raise NotAuthentic
        if self.previous and now >= self.forget_previous_at:
            self.previous = None
        cipher, follows = self.current, False
        if packet.phase != self.receive_phase:
            follows = self.previous is None or number >= self.lowest
            if follows:
                self.next = self.next or self._successor(self.current, "receive")
            cipher = self.next if follows else self.previous
        try:
            plaintext = cipher.open(number, packet.header, packet.sealed)
        except NotAuthentic:
            self.failures += 1
            raise
        if follows:
            self._follow(number, next_number, now, keep_s)
        self.lowest = min(self.lowest, number) if not follows and cipher is self.current else self.lowest
        self.received.accept(number)
        return number, plaintext, follows

    def seal(self, number, is_short, to, plaintext):
        """to: the id of the peer, with its offset."""
        if self.sealed_count >= PACKETS_OF_KEY_MAX:
            raise OverflowError("the key has sealed all that it may")
        self.sealed_count += 1
        header = data_header(self.send_phase, is_short, to.id, number + to.offset)
        return header + self.send.seal(number, header, plaintext)
