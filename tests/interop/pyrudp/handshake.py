# SPDX-License-Identifier: MIT
"""One handshake, from either side: which messages are in SYN and SYNACK, and what follows from them (section 6)."""
import os

from . import packets, params, resume
from .noise import Handshake, private_key, public_bytes

PATTERNS = {packets.NOISE: "NNpsk0", packets.NK: "NKpsk0", packets.IK: "IKpsk0", packets.NX: "NXpsk0",
            packets.XX: "XXpsk0"}


class Outcome:
    """What both sides know after the second message."""

    def __init__(self, peer, keys, secrets, psk, proven, binding):
        self.peer, self.psk, self.proven, self.binding = peer, psk, proven, binding
        # Transport keys of the initiator and of the listener; fresh and lasting of a new association, or None.
        self.keys, self.secrets = keys, secrets
        # In XX: message 3 of the initiator, and what the listener reads it with.
        self.proof = self.identity = None


def _room(flags):
    return packets.SYN_MIN - packets.SYN_HEADER - 8 - packets.MESSAGE_MIN[flags]


class Attempt:
    """The initiator's side."""

    def __init__(self, settings, own, port, association=None, now=0, early=b"", replaced=None):
        self.suite, self.psk = settings.suite, settings.psks[0]
        self.association, self.counter, self.early = association, None, b""
        own_key = public_bytes(settings.static) if settings.kind & packets.OWN_KEY else None
        usable = association and association.proven.would_be(settings.kind, own_key, settings.listener)
        secret = association.secret(settings.resumes_by, now) if usable else None
        self.flags = settings.resumes_by if secret else settings.kind
        self.listener = settings.listener if self.flags & packets.TO_KEY else None
        self.own_key = own_key
        if replaced:
            own = own._replace(spent=replaced)
        empty = packets.Syn(self.suite, self.flags, own.source_id, port, b"", b"")
        if self.flags in PATTERNS:
            self.association = None
            self.noise = Handshake(PATTERNS[self.flags], self.suite, True, empty.prologue(), self.psk, settings.static,
                                   self.listener)
            message = self.noise.write(self._payload(own))
        else:
            self.psk, self.counter = association.psk, association.take_counter()
            self.noise = resume.Resumption(self.suite, self.flags, empty.prologue(), secret, association.id,
                                           self.counter, private_key())
            message = self.noise.write_syn(self._payload(self._with_early(own, early)))
        self.syn = empty._replace(message=message)

    def _with_early(self, own, early):
        room = _room(self.flags) - len(params.encode(own, in_syn=True)) - 3
        self.early = early[:room] if self.association.is_confirmed else b""
        return own._replace(early=self.early)

    def _payload(self, own):
        return params.encode(own, in_syn=True).ljust(_room(self.flags), b"\0")

    def datagram(self, cookie):
        syn = self.syn._replace(cookie=cookie)
        return packets.encode_syn(packets.with_mac(syn, self.listener) if self.listener else syn)

    def spent(self):
        """For the Noise SYN that replaces this one, if it had early data."""
        if not self.early:
            return None
        proof = resume.proof_of_spent(self.association.lasting, self.association.id, self.counter)
        return params.Spent(self.association.id, self.counter, proof)

    def accept(self, synack):
        """Raises NotAuthentic or Malformed; the true answer may follow."""
        if self.flags in PATTERNS:
            noise = self.noise.copy()
            peer = params.decode(noise.read(synack.message), in_syn=False)
            secrets, proven = resume.secrets_of_noise(noise), resume.Proven(noise.remote["s"], self.own_key)
            binding = resume.binding_of_noise(noise)
        else:
            noise = self.noise
            header = packets.synack_header(self.suite, self.flags, synack.to_id)
            peer = params.decode(noise.read_synack(header, synack.message), in_syn=False)
            secrets, proven, binding = noise.secrets(), self.association.proven, noise.binding()
        if peer.early_taken > len(self.early):
            raise params.Malformed("more early data taken than sent")
        outcome = Outcome(peer, noise.split(), secrets, self.psk, proven, binding)
        if self.flags == packets.XX:
            outcome.proof = noise.write(b"")
        return outcome


class Answer:
    """The listener's side: reads one SYN, then writes its SYNACK."""

    def __init__(self, syn):
        self.syn, self.noise, self.psk, self.peer, self.proven = syn, None, None, None, None

    def read_noise(self, psk, static=None):
        """Raises NotAuthentic or Malformed."""
        message = self.syn.message[:-packets.MAC] if self.syn.flags & packets.TO_KEY else self.syn.message
        self.noise = Handshake(PATTERNS[self.syn.flags], self.syn.suite, False, self.syn.prologue(), psk, static)
        self._read(self.noise.read(message))
        self.psk = psk
        has_key = self.syn.flags & (packets.TO_KEY | packets.ASK_KEY)
        self.proven = resume.Proven(public_bytes(static) if has_key else None, self.noise.remote["s"])

    def read_resumed(self, association, secret):
        """Raises NotAuthentic or Malformed."""
        counter = int.from_bytes(self.syn.message[8:16], "big")
        self.noise = resume.Resumption(self.syn.suite, self.syn.flags, self.syn.prologue(), secret, association.id,
                                       counter, private_key())
        self._read(self.noise.read_syn(self.syn.message))
        self.psk, self.proven = association.psk, association.proven

    def _read(self, payload):
        self.peer = params.decode(payload, in_syn=True)
        if self.peer.source_id != self.syn.source_id:
            raise params.Malformed("the id differs from that of the header")

    def finish(self, own):
        """(datagram, outcome)"""
        syn = self.syn
        header = packets.synack_header(syn.suite, syn.flags, syn.source_id)
        payload = params.encode(own, in_syn=False)
        if syn.flags in PATTERNS:
            message, secrets = self.noise.write(payload), resume.secrets_of_noise(self.noise)
            binding = resume.binding_of_noise(self.noise)
        else:
            message, secrets = self.noise.write_synack(header, os.urandom(32), payload), self.noise.secrets()
            binding = self.noise.binding()
        outcome = Outcome(self.peer, self.noise.split(), secrets, self.psk, self.proven, binding)
        if syn.flags == packets.XX:
            outcome.identity = self.noise
        return header + message, outcome
