# SPDX-License-Identifier: MIT
"""The ids of a connection: those of the handshake, and others that follow on known new paths (section 13.1)."""
from .frames import SpareId
from .wire import Malformed

NO_TOKEN = bytes(16)


def _is(packet, number):
    return packet.to_id == (number & 0xffffffff if packet.is_short else number)


class Ids:
    def __init__(self, own):
        # Number 0 of each side is that of the handshake; its offset is 0. The token of an own one is not needed here.
        self.current, self.spare, self.previous = SpareId(0, own, NO_TOKEN, 0), None, None
        self.forget_previous_at = None
        self.to, self.peers_spare = None, None
        self.changes = self.moves_with_old_id = 0

    def on_handshake(self, peer):
        self.to = SpareId(0, peer.source_id, peer.token, 0)

    # Own ids.

    def own(self):
        return [one for one in (self.current, self.spare, self.previous) if one]

    def find(self, packet):
        """The own id that the packet has, or None."""
        return next((one for one in self.own() if _is(packet, one.id)), None)

    def offer(self, number, token, offset):
        """Another id for the peer's next path; it has used the last one."""
        self.spare = SpareId(self.current.number + 1, number, token, offset)

    def on_packet(self, packet, now, keep_s):
        """An authentic packet. Returns whether it is the first one with the spare id."""
        if self.previous and now >= self.forget_previous_at:
            self.previous = None
        if not self.spare or self.find(packet) is not self.spare:
            return False
        self.previous, self.current, self.spare = self.current, self.spare, None
        self.forget_previous_at = now + keep_s
        return True

    # The peer's ids.

    def on_frame(self, frame):
        last = (self.peers_spare or self.to).number
        if frame.number <= last:
            return
        if self.peers_spare or frame.number != last + 1:
            raise Malformed("a spare id before the last one was used")
        self.peers_spare = frame

    def change(self):
        """The path is new."""
        if not self.peers_spare:
            self.moves_with_old_id += 1
            return
        self.to, self.peers_spare = self.peers_spare, None
        self.changes += 1
