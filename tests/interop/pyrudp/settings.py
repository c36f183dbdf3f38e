# SPDX-License-Identifier: MIT
"""What a program may choose for its connections."""
from dataclasses import dataclass, field
from typing import Optional

from . import packets
from .aead import AES_GCM


@dataclass
class Settings:
    suite: int = AES_GCM
    # The initiator uses the first one.
    psks: list = field(default_factory=lambda: [bytes(32)])
    # The own static key, and the kind of handshake of an initiator without an association. For NK and IK it knows the
    # listener's static key. With NOISE there are no static keys.
    static: Optional[object] = None
    kind: int = packets.NOISE
    listener: Optional[bytes] = None
    # Static keys of the initiators that a listener accepts; None accepts everybody.
    authorized: Optional[set] = None
    window: int = 256 * 1024
    # Of the payload of a UDP datagram, in both directions: there is no search for larger ones.
    datagram_bytes: int = 1200
    flight_packets: int = 48
    ack_delay_s: float = 0.025
    asks_association: bool = True
    # The kind of handshake that an initiator with an association uses.
    resumes_by: int = packets.RESUME
    takes_early: bool = False
    repairs: bool = True
    short_ids: bool = True
    key_shares: bool = True
    spare_ids: bool = True
    # Packets that a key seals before its owner replaces it; never without a number.
    update_after: Optional[int] = None
    # Whether an initiator asks for fresh keys as soon as it may.
    exchanges_keys: bool = False
    # Whether an initiator always has to show that it receives at its address.
    requires_cookies: bool = False
    keepalive_s: float = 25

    def accepts(self, initiator):
        """Whether a listener serves who has proven this static key, or None."""
        return self.authorized is None or initiator in self.authorized
