# SPDX-License-Identifier: MIT
"""Exchanges of fresh keys (section 7.1): one at a time, requested by the initiator."""
from . import frames
from .noise import private_key, public_bytes, x25519
from .protect import fresh_secret
from .wire import Malformed


class Exchanges:
    def __init__(self, is_initiator, keys):
        self.is_initiator, self.keys = is_initiator, keys
        self.ended = 0
        self.private = self.own = self.peers = None
        # Whether the own share has to be sent (again).
        self.wants_share = False

    def is_running(self):
        return self.own is not None or self.peers is not None

    def _make_share(self):
        self.private = private_key()
        self.own = public_bytes(self.private)
        self.wants_share = True

    def request(self):
        if not self.is_running() and self.keys.has_peer_followed():
            self._make_share()

    def on_share(self, frame):
        """Raises Malformed (BAD_KEY_SHARE, or a shared secret of zeros)."""
        if frame.number <= self.ended:
            return
        if frame.number > self.ended + 1 or (self.is_initiator and self.own is None):
            raise Malformed("a KEY_SHARE that nobody has asked for")
        if self.peers is not None:
            return
        self.peers = frame.public
        if self.is_initiator:
            self._agree(self.own, self.peers)

    def _agree(self, initiators, listeners):
        secret = fresh_secret(x25519(self.private, self.peers), initiators, listeners)
        self.private, self.wants_share = None, not self.is_initiator
        self.keys.use_secret(secret)

    def answer(self):
        """The listener answers once the initiator has followed; returns whether it is waited for."""
        if self.is_initiator or self.peers is None or self.own is not None:
            return False
        if not self.keys.has_peer_followed():
            return True
        self._make_share()
        self._agree(self.peers, self.own)
        return False

    def is_update_due(self):
        """Of the initiator: it has the answer, and uses the secret in the next update."""
        return self.is_initiator and self.keys.secret and "send" not in self.keys.secret_used and \
            self.keys.may_update()

    def frame(self):
        return frames.KeyShare(self.ended + 1, self.own)

    def on_key_followed(self, fresh_updates):
        if fresh_updates > self.ended and self.is_running():
            self.ended += 1
            self.private = self.own = self.peers = None
            self.wants_share = False
