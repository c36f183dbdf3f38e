# SPDX-License-Identifier: MIT
"""Everything behind one UDP socket: which datagram belongs to which connection, and answers without state
(sections 2, 3, 6 and 12.4). No I/O: receive() takes datagrams, collect() returns those to send."""
import os
import random

from . import frames, packets, params
from .aead import NotAuthentic, hmac
from .connection import CLOSED, SYN_RCVD, SYN_SENT, Connection
from .handshake import PATTERNS, Answer, Attempt
from .noise import private_key, public_bytes
from .path import Path
from .protect import Numbers
from .resume import LISTENER_GRACE_S, Association, proof_of_spent
from .wire import Malformed

COOKIE_LIFE_S = 10
COOKIES_AT_ONCE = 16
RESET_PACKET = 25
# The resumed SYN that has no answer after so many is replaced by a Noise SYN; later if it had early data.
RESUMED_SYNS, EARLY_SYNS = 3, 8
REFUSALS = {packets.PORT_CLOSED: "ECONNREFUSED", packets.KEY_MISMATCH: "EKEYREJECTED",
            packets.OTHER_VERSION: "EPROTONOSUPPORT", packets.BUSY: "ECONNREFUSED",
            packets.EARLY_TAKEN: "ECONNRESET", packets.OTHER_KEY: "EACCES",
            packets.NOT_AUTHORIZED: "EACCES"}


class Endpoint:
    def __init__(self, settings, local_port):
        self.settings, self.local_port = settings, local_port
        self.secret = os.urandom(32)
        self.connections, self.short_ids = {}, {}
        # By what duplicates of a SYN have in common; the target ports that listen.
        self.by_syn, self.listens_on = {}, set()
        self.accepted = []
        # Of an initiator by the listener's address, of a listener by id.
        self.known_listeners, self.associations = {}, {}
        self.out = []
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    # Ids and tokens.

    def _new_id(self):
        while True:
            number = random.SystemRandom().getrandbits(64)
            if number and number not in self.connections and number & 0xffffffff and \
                    number & 0xffffffff not in self.short_ids:
                return number

    def _new_spare(self, connection):
        """Id, token and offset of another id of the connection."""
        number = self._new_id()
        self.short_ids[number & 0xffffffff] = connection
        return number, self._token(number), random.SystemRandom().getrandbits(32)

    def _token(self, number):
        return hmac(self.secret, number.to_bytes(8, "big") + self.local_port.to_bytes(2, "big"))[:16]

    def _own_params(self, number):
        settings = self.settings
        return params.Params(number, settings.window, 65507, int(settings.ack_delay_s * 1e6), self._token(number),
                             repairs=settings.repairs, short_ids=settings.short_ids,
                             key_shares=settings.key_shares, spare_ids=settings.spare_ids)

    def _add(self, connection):
        self.connections[connection.id] = connection
        self.short_ids[connection.id & 0xffffffff] = connection
        connection.new_id = lambda: self._new_spare(connection)

    # The initiator.

    def connect(self, address, now, early=b"", port=None):
        """A new connection. early: what the program has written already; it may go with the SYN."""
        connection = Connection(self.settings, True, self._new_id(), address, now)
        connection.port = port or address[1]
        connection.write(early)
        self._begin(connection, now, self.known_listeners.get(address))
        self._add(connection)
        return connection

    def _begin(self, connection, now, association, replaced=None):
        own = self._own_params(connection.id)
        if self.settings.asks_association:
            own = own._replace(association=0)
        early = bytes(connection.send.data) if self.settings.takes_early else b""
        connection.begin(Attempt(self.settings, own, connection.port, association, now, early, replaced))

    def _begin_again(self, connection, now):
        """Without the association, which the listener does not know any more."""
        self.count("begun again")
        spent = connection.attempt.spent()
        self.known_listeners.pop(connection.path.address, None)
        self._begin(connection, now, None, spent)
        connection.began_again = True

    def _on_synack(self, synack, data, address, now):
        connection = self.connections.get(synack.to_id)
        if connection is None or not connection.is_initiator:
            self._answer_unknown(synack.to_id, len(data), address)
            return
        outcome = connection.on_synack(synack, data, now)
        if outcome is None:
            return
        if outcome.secrets and outcome.peer.association and self.settings.asks_association:
            association = Association(outcome.peer.association, *outcome.secrets, now, outcome.psk, outcome.proven)
            self.known_listeners[connection.path.address] = connection.association = association

    def _on_cookie(self, cookie, _data, _address, now):
        connection = self.connections.get(cookie.to_id)
        if connection and connection.cookies < COOKIES_AT_ONCE:
            connection.on_cookie(cookie.cookie, now)

    def _on_refuse(self, refuse, _data, _address, now):
        connection = self.connections.get(refuse.to_id)
        if connection is None or connection.state != SYN_SENT:
            return
        self.count(f"refused {refuse.reason}")
        if refuse.reason == packets.NO_ASSOCIATION:
            if connection.attempt.flags not in PATTERNS:
                self._begin_again(connection, now)
            return
        if refuse.reason == packets.OTHER_VERSION:
            self.known_listeners.pop(connection.path.address, None)
        connection.error, connection.state = REFUSALS.get(refuse.reason, "ECONNREFUSED"), CLOSED
        connection.refusal = refuse.reason

    # The listener.

    def _on_syn(self, syn, _data, address, now):
        if syn.flags not in (*PATTERNS, packets.RESUME, packets.RESUME_DH):
            raise packets.OtherVersion(syn.source_id)
        known = self.by_syn.get(syn.identity())
        if known and known.id in self.connections:
            self.count("duplicate SYNs")
            self.out.append(known.answer_again(address, now))
            return
        if syn.port not in self.listens_on:
            self._refuse(syn.source_id, packets.PORT_CLOSED, address)
        elif self.settings.requires_cookies and not self._is_cookie_right(syn, address, now):
            self.count("cookies sent")
            cookie = packets.Cookie(syn.source_id, self._make_cookie(syn, address, int(now * 1000)))
            self.out.append((packets.encode_cookie(cookie), address))
        elif syn.flags in PATTERNS:
            self._on_noise_syn(syn, address, now)
        else:
            self._on_resumed_syn(syn, address, now)

    def _make_cookie(self, syn, address, at_ms):
        at = at_ms.to_bytes(8, "big")
        return at + hmac(self.secret, b"cookie" + at + repr(address[:2]).encode() +
                         syn.source_id.to_bytes(8, "big"))[:16]

    def _is_cookie_right(self, syn, address, now):
        at_ms = int.from_bytes(syn.cookie[:8], "big")
        return syn.cookie == self._make_cookie(syn, address, at_ms) and \
            0 <= int(now * 1000) - at_ms <= COOKIE_LIFE_S * 1000

    def _refuse(self, source_id, reason, address):
        self.count(f"refusals sent {reason}")
        self.out.append((packets.encode_refuse(packets.Refuse(source_id, reason, packets.VERSION)), address))

    def _half_open(self, source_id, address):
        for connection in self.connections.values():
            if connection.state == SYN_RCVD and connection.path.address == address and \
                    connection.peer.source_id == source_id:
                return connection
        return None

    def _on_noise_syn(self, syn, address, now):
        static = self.settings.static
        if syn.flags & packets.TO_KEY and not (static and packets.is_mac_right(syn, public_bytes(static))):
            self._refuse(syn.source_id, packets.OTHER_KEY, address)
            return
        static = static or private_key()
        answer = Answer(syn)
        for psk in self.settings.psks:
            try:
                answer.read_noise(psk, static)
                break
            except NotAuthentic:
                continue
        else:
            self._refuse(syn.source_id, packets.KEY_MISMATCH, address)
            return
        # In XX the initiator shows its key later.
        if syn.flags != packets.XX and not self.settings.accepts(answer.proven.initiator):
            self._refuse(syn.source_id, packets.NOT_AUTHORIZED, address)
            return
        half_open = self._half_open(syn.source_id, address)
        if self._has_taken_early(answer.peer.spent, half_open):
            self._refuse(syn.source_id, packets.EARLY_TAKEN, address)
            return
        if half_open:
            self._remove(half_open)
        self._accept(answer, b"", address, now)

    def _has_taken_early(self, spent, half_open):
        """Whether the program may have the early data of the SYN that this one replaces (section 6.8)."""
        if spent is None:
            return False
        association = self.associations.get(spent.association)
        if association and proof_of_spent(association.lasting, spent.association, spent.counter) == spent.proof:
            if not association.used.is_new(spent.counter):
                if half_open and half_open.early_taken:
                    half_open.error = "ECONNRESET"
                    self._remove(half_open)
                return True
            association.used.accept(spent.counter)
        return bool(half_open and half_open.early_taken)

    def _on_resumed_syn(self, syn, address, now):
        number, counter = (int.from_bytes(syn.message[at:at + 8], "big") for at in (0, 8))
        if any(one.peer and one.peer.source_id == syn.source_id and one.path.address == address
               for one in self.connections.values()):
            return
        association = self.associations.get(number)
        secret = association and association.secret(syn.flags, now, LISTENER_GRACE_S)
        answer = Answer(syn)
        try:
            if not secret or not association.used.is_new(counter):
                raise NotAuthentic
            answer.read_resumed(association, secret)
        except NotAuthentic:
            self._refuse(syn.source_id, packets.NO_ASSOCIATION, address)
            return
        if not self.settings.accepts(association.proven.initiator):
            self._refuse(syn.source_id, packets.NOT_AUTHORIZED, address)
            return
        association.used.accept(counter)
        early = answer.peer.early if self.settings.takes_early else b""
        self._accept(answer, early, address, now)

    def _accept(self, answer, early, address, now):
        path = Path(address, is_validated=False, received=packets.SYN_MIN)
        connection = Connection(self.settings, False, self._new_id(), address, now, path)
        connection.suite, connection.kind = answer.syn.suite, answer.syn.flags
        own = self._own_params(connection.id)._replace(
            early_taken=len(early), key_lasts=bool(answer.syn.flags & packets.ASK_KEY and self.settings.static))
        if answer.peer.association is not None and answer.syn.flags != packets.RESUME:
            own = own._replace(association=random.SystemRandom().randrange(1, 1 << 64))
        synack, outcome = answer.finish(own)
        if own.association:
            connection.association = Association(own.association, *outcome.secrets, now, outcome.psk, outcome.proven,
                                                 Numbers())
        connection.accept(synack, outcome, early, now)
        self._add(connection)
        self.by_syn[answer.syn.identity()] = connection
        if connection.identity is None:
            self.accepted.append(connection)

    # Packets of connections.

    def _on_data(self, packet, data, address, now):
        connection = self.short_ids.get(packet.to_id & 0xffffffff)
        if connection is None or connection.ids.find(packet) is None:
            if not packet.is_short:
                self._answer_unknown(packet.to_id, len(data), address)
            return
        was_pending, awaited_identity = connection.is_pending(), connection.identity is not None
        connection.receive(packet, len(data), address, self.ecn, now)
        if not was_pending or connection.is_pending():
            return
        if connection.association:
            connection.association.proven = connection.proven
            self.associations[connection.association.id] = connection.association
        if awaited_identity:
            self.accepted.append(connection)

    def _answer_unknown(self, number, size, address):
        self.count("unknown ids")
        if size > RESET_PACKET:
            self.out.append((packets.encode_reset(packets.Reset(number, self._token(number))), address))

    def _on_reset(self, reset, _data, _address, _now):
        for connection in self.connections.values():
            to = connection.ids.to
            if to and to.id == reset.from_id and to.token == reset.token:
                connection.on_reset_packet()

    _HANDLERS = {packets.Syn: _on_syn, packets.Synack: _on_synack, packets.Cookie: _on_cookie, packets.Data: _on_data,
                 packets.Reset: _on_reset, packets.Refuse: _on_refuse}

    def receive(self, data, address, ecn, now):
        """A datagram. What violates the specification is counted and has no other effect."""
        self.ecn = ecn
        try:
            packet = packets.decode(data)
            self._HANDLERS[type(packet)](self, packet, data, address, now)
        except packets.OtherVersion as fault:
            self._refuse(fault.source_id, packets.OTHER_VERSION, address)
        except (Malformed, NotAuthentic):
            self.count("dropped")

    def collect(self, now):
        """Runs the timers; returns all datagrams that may leave now."""
        out, self.out = self.out, []
        for connection in list(self.connections.values()):
            connection.on_timer(now)
            if connection.state == SYN_SENT and connection.attempt.flags not in PATTERNS and \
                    connection.handshakes_sent >= (EARLY_SYNS if connection.attempt.early else RESUMED_SYNS) and \
                    now >= connection.handshake_at:
                self._begin_again(connection, now)
            out += connection.transmit(now)
            if connection.state == CLOSED:
                self._remove(connection)
        return out

    def _remove(self, connection):
        connection.state = CLOSED
        self.forget(connection)

    def forget(self, connection):
        """Its id is unknown from now on."""
        self.connections.pop(connection.id, None)
        self.short_ids = {number: one for number, one in self.short_ids.items() if one is not connection}
        self.by_syn = {key: one for key, one in self.by_syn.items() if one is not connection}

    def deadline(self):
        return min((at for at in (one.deadline() for one in self.connections.values()) if at is not None),
                   default=None)

    def close(self, now):
        for connection in list(self.connections.values()):
            connection.reset(frames.APPLICATION, now)
