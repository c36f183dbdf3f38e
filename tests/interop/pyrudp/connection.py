# SPDX-License-Identifier: MIT
"""One connection without sockets and clock: what arrives, and what follows from it. transmit.py sends."""
from . import frames, packets
from .acks import Receipts
from .aead import NotAuthentic
from .exchange import Exchanges
from .ids import Ids
from .path import Path
from .protect import Protection
from .recovery import Recovery
from .streams import ReceiveStream, SendStream
from .transmit import Transmitter
from .wire import Malformed

SYN_SENT, SYN_RCVD, OPEN, TIME_WAIT, RESET_SENT, CLOSED = \
    "SYN_SENT", "SYN_RCVD", "OPEN", "TIME_WAIT", "RESET_SENT", "CLOSED"
SYN_FIRST_S, SYN_MOST_S, SYN_GIVE_UP_S = 0.3, 3, 127
GIVE_UP_S, RESET_S = 924, 3
TIME_WAIT_LEAST_S = 0.5
STALL_LEAST_S, STALL_PINGS = 0.4, 6
FAILURES_MAX = 1 << 36
ERRORS = {frames.TIMED_OUT: "ETIMEDOUT", frames.PROTOCOL: "EPROTO", frames.NO_RESOURCES: "ENOBUFS",
          frames.NOT_AUTHORIZED: "EACCES"}


class Connection(Transmitter):
    """Both sides. An initiator begins with begin(), a listener with accept(); then receive(), transmit(), on_timer()
    and deadline(), as time passes."""

    def __init__(self, settings, is_initiator, own_id, address, now, path=None):
        Transmitter.__init__(self, settings)
        self.is_initiator, self.id, self.ids = is_initiator, own_id, Ids(own_id)
        self.state, self.error = SYN_SENT if is_initiator else SYN_RCVD, None
        self.path = path or Path(address, is_validated=False)
        self.recovery = Recovery()
        self.receipts = Receipts(settings.ack_delay_s / 2)
        self.send, self.receive_stream = SendStream(0), ReceiveStream(settings.window, settings.repairs)
        self.keys = self.exchanges = self.peer = self.proven = self.binding = None
        self.attempt = self.association = None
        self.began_at, self.handshake_at, self.handshake_s = now, now, SYN_FIRST_S
        self.handshakes_sent = 0
        self.handshake = None
        self.cookie, self.cookies = b"", 0
        self.heard_at = self.spoke_at = now
        self.ends_at = None
        self.finished_second = False
        # In XX: message 3 until it is acknowledged; the Noise state that the listener reads it with, until it has.
        self.proof, self.identity, self.had_identity = None, None, False
        self.refusal = None
        self.stream_at, self.stall_pings = None, 0
        self.moves = self.peers_resets = self.reset_packets = 0
        # What the tests ask about: the kind of handshake, and early bytes that were taken.
        self.kind, self.early_taken = packets.NOISE, 0

    # The program's side.

    def write(self, data):
        self.send.data += data

    def finish(self):
        if not self.send.is_finished:
            self.send.is_finished = True
            self.finished_second = self.receive_stream.is_complete()

    def read(self, count=None):
        return self.receive_stream.read(count)

    def at_eof(self):
        return self.receive_stream.has_all_read()

    def reset(self, reason, now):
        """Ends the connection in both directions."""
        if self.state in (SYN_SENT, CLOSED, RESET_SENT) or self.keys is None:
            self._close("ECONNABORTED")
            return
        self.error = self.error or ERRORS.get(reason, "ECONNABORTED")
        self.reset_reason = reason
        self.state, self.ends_at = RESET_SENT, now + RESET_S
        self.wants = {"reset"}

    def _close(self, error=None):
        self.state, self.error = CLOSED, self.error or error

    # The handshake.

    def begin(self, attempt):
        """Starts, or starts again."""
        self.attempt, self.kind = attempt, attempt.flags
        self.handshake_at, self.handshakes_sent = self.began_at, 0

    def on_cookie(self, cookie, now):
        if self.state == SYN_SENT:
            self.cookie, self.handshake_at = cookie, now
            self.cookies += 1

    def on_synack(self, synack, datagram, now):
        """Raises NotAuthentic or Malformed. Returns the outcome, or None for a duplicate."""
        if self.state != SYN_SENT:
            if datagram == self.handshake:
                self.receipts.due_at = now
            return None
        if synack.flags != self.attempt.flags or synack.suite != self.attempt.suite:
            raise Malformed("the answer to another SYN")
        outcome = self.attempt.accept(synack)
        self.handshake = datagram
        self._establish(outcome, *outcome.keys, now)
        self.early_taken = outcome.peer.early_taken
        self.send.next = self.early_taken
        self.send.on_acked(0, self.early_taken, False)
        self.path.is_validated = True
        if outcome.proof:
            self.proof = outcome.proof
            self.wants.add("identity")
        self.recovery.on_ack(frames.Ack(((0, 0),), 0), now)
        self.receipts.on_packet(0, True, 0, now, at_once=True)
        self.state = OPEN
        return outcome

    def accept(self, synack, outcome, early, now):
        self.handshake = synack
        self._establish(outcome, *reversed(outcome.keys), now)
        self.receipts.on_packet(0, True, 0, now)
        self.receipts.on_sent()
        self.identity = outcome.identity
        if early:
            self.early_taken = len(early)
            self.receive_stream.on_stream(0, early, False)

    def is_pending(self):
        """Of a listener: the program must not get it yet, and nothing of its association is stored."""
        return self.state == SYN_RCVD or self.identity is not None

    def _establish(self, outcome, send_key, receive_key, now):
        self.peer, self.proven, self.binding = outcome.peer, outcome.proven, outcome.binding
        self.keys = Protection(self.suite, send_key, receive_key)
        self.keys.received.accept(0)
        self.ids.on_handshake(self.peer)
        self.exchanges = Exchanges(self.is_initiator, self.keys)
        self.recovery.peers_ack_delay_s = self.peer.ack_delay_max_us / 1e6
        self.send.window = self.peer.window
        self.heard_at = now

    def answer_again(self, address, now):
        """A duplicate of the SYN has arrived."""
        if address != self.path.address:
            self.synack_went_elsewhere = True
        self.note_handshake(len(self.handshake), now)
        return self.handshake, address

    # Packets of an established connection.

    def receive(self, packet, size, address, ecn, now):
        if self.keys is None or self.state == CLOSED:
            return
        fresh_updates = self.keys.fresh_updates
        try:
            number, plaintext, _ = self.keys.open(packet, self.recovery.next_number, now, 3 * self.recovery.pto(),
                                                  self.ids.find(packet).offset)
        except NotAuthentic:
            if self.keys.failures > FAILURES_MAX:
                self._close("EPROTO")
            return
        if self.keys.fresh_updates > fresh_updates:
            self.exchanges.on_key_followed(self.keys.fresh_updates)
        self.heard_at = now
        has_new_id = self.ids.on_packet(packet, now, 3 * self.recovery.pto())
        self._on_address(address, number == self.keys.received.largest, has_new_id, size, now)
        try:
            content = frames.decode(plaintext)
            for frame in content:
                self._on_frame(frame, now)
        except Malformed as fault:
            self.fault = fault
            self.reset(frames.PROTOCOL, now)
            return
        if self.state == SYN_RCVD:
            self._confirm(now)
        at_once = any(frame.kind in (frames.PING, frames.RESET) for frame in content) or self.state == TIME_WAIT
        eliciting = any(map(frames.is_eliciting, content))
        self.receipts.on_packet(number, eliciting, ecn, now, at_once)
        if eliciting and self.state == TIME_WAIT:
            self.ends_at = now + self._time_wait_s()
        self._after_event(now)

    def _confirm(self, now):
        """The first packet from the initiator: it has received the SYNACK."""
        self.state = OPEN
        self.recovery.sent.pop(0, None)
        if not self.synack_went_elsewhere:
            self.path.is_validated = True
        elif not self.path.is_validated:
            self.path.start_challenges(now, self.recovery.pto())

    def _on_address(self, address, is_largest, has_new_id, size, now):
        if address == self.path.address:
            self.path.received += size
            return
        if not is_largest:
            return
        self.moves += 1
        # With the id that it had, only a NAT on the same path has changed the address.
        if has_new_id:
            self.ids.change()
        fallback = self.path if self.path.is_validated else self.path.fallback
        host_changed = address[0] != self.path.address[0]
        self.path = Path(address, is_validated=False, received=size)
        self.path.fallback = fallback
        if host_changed:
            self._forget_path(now)
        self.path.start_challenges(now, self.recovery.rtt.smoothed + 4 * self.recovery.rtt.variation)

    def _forget_path(self, now):
        """What is in flight was sent on the old path: it counts and measures nothing."""
        self.recovery.forget_path()
        self.probe_when_validated = True

    def on_own_move(self, now):
        """This side knows that its own address has changed."""
        self.ids.change()
        self.recovery.forget_path()
        self.path.start_challenges(now, self.recovery.pto())
        self.path.challenges_left = 1
        self.probes = 2

    def _on_frame(self, frame, now):
        kind = frame.kind
        if kind == frames.ACK:
            self._on_ack(frame, now)
        elif kind == frames.RESET:
            self._on_reset(frame, now)
        elif self.state in (TIME_WAIT, RESET_SENT):
            return
        elif kind == frames.STREAM:
            self.stream_at, self.stall_pings = now, 0
            self.receive_stream.on_stream(frame.offset, frame.data, frame.fin)
        elif kind == frames.REPAIR:
            self.receive_stream.on_repair(frame)
        elif kind == frames.WINDOW:
            self.send.window = max(self.send.window, frame.offset)
        elif kind == frames.BLOCKED:
            self.wants.add("window")
        elif kind == frames.ARRIVED:
            self.arrived_frames += 1
            self.send.on_arrived(frame.offset)
        elif kind == frames.IDENTITY:
            self._on_identity(frame.proof, now)
        elif kind == frames.SPARE_ID:
            self.ids.on_frame(frame)
        elif kind == frames.KEY_SHARE:
            self.exchanges.on_share(frame)
        elif kind == frames.CHALLENGE:
            self.responses.append(frame.data)
        elif kind == frames.RESPONSE and self.path.on_response(frame.data) and self.probe_when_validated:
            self.probe_when_validated, self.probes = False, 2
        if self.receive_stream.arrived:
            self.wants.add("arrived")

    def _on_identity(self, proof, now):
        """Message 3 of XX. A repetition has no effect."""
        if self.had_identity:
            return
        if self.identity is None:
            raise Malformed("IDENTITY without XX")
        try:
            self.identity.read(proof)
        except NotAuthentic:
            raise Malformed("IDENTITY that does not authenticate") from None
        self.proven = self.proven._replace(initiator=self.identity.remote["s"])
        self.had_identity = True
        if not self.settings.accepts(self.proven.initiator):
            self.reset(frames.NOT_AUTHORIZED, now)
            return
        self.identity = None

    def _on_ack(self, ack, now):
        newly, lost = self.recovery.on_ack(ack, now)
        for sent in newly:
            if sent.number > 0:
                self.keys.on_acknowledged(sent.number)
            for item in sent.content:
                self._on_item_acked(item)
            # The listener has stored the association, in XX once it knows who the initiator is.
            if sent.number > 0 and self.association and not self.proof:
                self.association.is_confirmed = True
        self.requeue_all(lost)

    def _on_item_acked(self, item):
        kind = item[0]
        if kind == "stream":
            self.send.on_acked(*item[1:])
        elif kind == "ack":
            self.receipts.on_acknowledged(item[1])
        elif kind == "identity":
            self.proof = None
        elif kind == "reset":
            self._close()

    def _on_reset(self, frame, now):
        self.peers_resets += 1
        if self.state not in (TIME_WAIT, RESET_SENT):
            self.error = ERRORS.get(frame.reason, "ECONNRESET")
        self.state, self.ends_at = TIME_WAIT, now + self._time_wait_s()
        self.wants, self.send.lost = set(), type(self.send.lost)()
        self.send.is_finished = False

    def on_reset_packet(self):
        """The token was right."""
        if self.state == CLOSED:
            return
        self.reset_packets += 1
        done = self.send.is_finished and self.receive_stream.is_complete()
        self._close(None if done or self.state in (TIME_WAIT, RESET_SENT) else "ECONNRESET")

    # Time.

    def _time_wait_s(self):
        return max(3 * self.recovery.pto(), TIME_WAIT_LEAST_S)

    def _after_event(self, now):
        if self.state != OPEN:
            return
        if self.send.has_all_acked() and self.receive_stream.is_complete():
            if self.finished_second:
                self._close()
            else:
                self.state, self.ends_at = TIME_WAIT, now + self._time_wait_s()
                # What is still unanswered, a PING or repair symbols, is of no use any more.
                self.recovery.sent.clear()
                self.wants.clear()

    def _stall_at(self):
        if self.stream_at is None or self.state != OPEN or self.receive_stream.is_complete() or \
                self.stall_pings >= STALL_PINGS:
            return None
        return self.stream_at + max(4 * self.recovery.pto(), STALL_LEAST_S) * (2 ** (self.stall_pings + 1) - 1)

    def _keepalive_at(self):
        if self.state != OPEN or not self.is_initiator or self.recovery.has_eliciting():
            return None
        return max(self.spoke_at, self.heard_at) + self.settings.keepalive_s

    def _handshake_due_at(self):
        return self.handshake_at if self.state in (SYN_SENT, SYN_RCVD) else None

    def _give_up_at(self):
        if self.state in (SYN_SENT, SYN_RCVD) or (self.identity and self.state == OPEN):
            return self.began_at + SYN_GIVE_UP_S
        first = self.recovery.first_unanswered_at
        return None if first is None else first + GIVE_UP_S

    def deadline(self):
        """When on_timer() or transmit() has something to do, or None."""
        if self.state == CLOSED:
            return None
        times = [self.ends_at, self._stall_at(), self._keepalive_at(), self._handshake_due_at(), self._give_up_at(),
                 self.receipts.due_at if self.keys else None]
        if self.keys:
            times += [self.recovery.loss_at, self.recovery.pto_at(), self.path.challenge_at, self.pace_at]
        return min((at for at in times if at is not None), default=None)

    def on_timer(self, now):
        if self.state == CLOSED:
            return
        if self.ends_at is not None and now >= self.ends_at:
            self._close()
        elif (self._give_up_at() or now + 1) <= now:
            self._close("ETIMEDOUT")
        elif self.keys:
            self._on_data_timers(now)

    def _on_data_timers(self, now):
        recovery = self.recovery
        if recovery.loss_at is not None and now >= recovery.loss_at:
            self.requeue_all(recovery.detect_losses(now))
        elif (recovery.pto_at() or now + 1) <= now:
            recovery.on_pto()
            self.probe(now)
        if (self._stall_at() or now + 1) <= now:
            self.stall_pings += 1
            self.wants.add("ping")
        if (self._keepalive_at() or now + 1) <= now:
            self.keepalive()
