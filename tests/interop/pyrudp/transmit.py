# SPDX-License-Identifier: MIT
"""What a connection sends, and in which order: the part of Connection that fills packets."""
import random

from . import frames, packets
from .fec import symbol_of
from .recovery import Sent

BURST_PACKETS = 10
PACE_GAIN = 1.25
SKIP_FROM, SKIP_TO = 257, 1280
SHORT_FOR_S = 1
REPAIR_LEAST_BYTES, REPAIR_SYMBOLS = 5600, 128
# Type, offset (8 bytes), length (2) of a STREAM frame; type, offset, count, row of a REPAIR frame.
STREAM_HEADER, REPAIR_HEADER = 11, 11
LEAST_ROOM = 64
SYN_MOST_S = 3


class Transmitter:
    def __init__(self, settings):
        self.settings, self.suite = settings, settings.suite
        # Frames without content of their own that are to be sent: window, blocked, reset, arrived, ping, ack.
        self.wants = set()
        self.responses = []
        self.probes, self.probe_oldest = 0, False
        self.probe_when_validated = False
        self.synack_went_elsewhere = False
        self.reset_reason = self.fault = None
        self.tokens, self.tokens_at, self.pace_at = None, None, None
        self.until_skip = random.randint(SKIP_FROM, SKIP_TO)
        self.keepalives = 0
        self.arrived_frames = 0
        self.repairs = []
        self.repaired_to = 0

    def transmit(self, now):
        """All datagrams that may leave now, as (bytes, address)."""
        out = []
        while True:
            datagram = self._handshake_due(now) or (self._data_due(now) if self.keys else None)
            if datagram is None:
                return out
            self.path.sent += len(datagram)
            self.spoke_at = now
            out.append((datagram, self.path.address))

    def _handshake_due(self, now):
        at = self._handshake_due_at()
        if at is None or now < at:
            return None
        if self.is_initiator:
            datagram = self.attempt.datagram(self.cookie)
        else:
            datagram = self.handshake
            if len(datagram) > self.path.allowance():
                self.handshake_at = now + self.handshake_s
                return None
        self.note_handshake(len(datagram), now)
        # Varied, or a periodic outage could hide every SYN.
        self.handshake_at = now + self.handshake_s * random.uniform(0.9, 1.1)
        self.handshake_s = min(2 * self.handshake_s, SYN_MOST_S)
        return datagram

    def note_handshake(self, size, now):
        """SYN or SYNACK, packet number 0, is sent (again): then it gives no RTT sample any more."""
        self.handshakes_sent += 1
        if self.recovery.next_number == 0:
            self.recovery.on_sent(Sent(0, now, size, [], True))
        elif 0 in self.recovery.sent:
            self.recovery.sent[0].gives_sample = False

    # Packets with frames.

    def _data_due(self, now):
        if self.state == "CLOSED" or (self.state == "SYN_RCVD" and not self.early_taken):
            return None
        self._prepare(now)
        room = min(self.settings.datagram_bytes, self.peer.datagram_max, self.path.allowance()) - \
            packets.HEADER - packets.TAG
        if room < LEAST_ROOM:
            self.pace_at = None
            return None
        content, items = self._control(now, room)
        room -= sum(map(len, content))
        content, items = self._with_stream(content, items, room, now)
        is_probe = self.probes > 0 and not any(item[0] != "ack" for item in items)
        if is_probe:
            content.append(frames.encode(frames.Ping()))
            items.append(("ping",))
        ack_alone = all(item[0] == "ack" for item in items)
        if not items or (ack_alone and not self._is_ack_due(now)):
            return None
        return self._seal(content, items, now)

    def _is_ack_due(self, now):
        return "ack" in self.wants or (self.receipts.due_at is not None and now >= self.receipts.due_at)

    def _prepare(self, now):
        """Notes what has become due."""
        limit = self.receive_stream.next_window()
        if limit is not None and self.state == "OPEN":
            self.wants.add("window")
        if self.send.is_blocked() and self.send.blocked_at != self.send.window:
            self.send.blocked_at = self.send.window
            self.wants.add("blocked")
        if self.exchanges.answer():
            self.wants.add("ping")
        if self.state == "OPEN":
            self._update_keys()
            if self.peer.spare_ids and self.settings.spare_ids and not self.ids.spare and not self.identity:
                self.ids.offer(*self.new_id())
                self.wants.add("spare")

    def _update_keys(self):
        keys, exchanges = self.keys, self.exchanges
        if self.settings.exchanges_keys and self.is_initiator and exchanges.ended == 0 and self.peer.key_shares:
            exchanges.request()
        if exchanges.is_update_due():
            keys.update_send(self.recovery.next_number)
            self.wants.add("ping")
        elif self.settings.update_after and not exchanges.is_running() and keys.may_update() and \
                keys.sealed_count >= self.settings.update_after:
            keys.update_send(self.recovery.next_number)

    def _control(self, now, room):
        """Encoded frames other than stream bytes, and what has to be remembered of them. The path comes first."""
        content, items = [], []

        def put(frame, item):
            content.append(frames.encode(frame))
            items.append(item)
        path = self.path
        if path.is_challenge_due(now):
            self._put_challenge(put, now)
        while self.responses and len(content) < 8:
            put(frames.Response(self.responses.pop(0)), ("response",))
        ack = self.receipts.frame(now)
        if ack:
            self._put_ack(put, ack, room - sum(map(len, content)))
        if "reset" in self.wants:
            put(frames.ResetFrame(self.reset_reason), ("reset",))
        elif self.state != "RESET_SENT":
            self._put_wants(put)
        self.wants -= {"reset", "identity", "window", "blocked", "arrived", "ping", "spare"}
        return content, items

    def _put_challenge(self, put, now):
        path = self.path
        if path.challenges_left == 0:
            path.challenge_at = None
            if not path.is_validated and path.fallback:
                self.path = path.fallback
            return
        put(frames.Challenge(path.challenge), ("challenge",))
        path.on_challenge_sent(now)

    def _put_ack(self, put, ack, room):
        """As many of the newest ranges as there is room for; at most 17 bytes a range, and the ECN counts."""
        most = max(1, (room - 60) // 17)
        put(ack._replace(ranges=ack.ranges[:most]), ("ack", self.receipts.largest))

    def _put_wants(self, put):
        if "identity" in self.wants and self.proof:
            put(frames.Identity(self.proof), ("identity",))
        if "window" in self.wants:
            stream = self.receive_stream
            stream.announce(stream.read_at + stream.size_of_window)
            put(frames.Window(stream.announced), ("window",))
        if "blocked" in self.wants and self.send.is_blocked():
            put(frames.Blocked(self.send.window), ("blocked", self.send.window))
        if "arrived" in self.wants and self.peer.repairs:
            put(frames.Arrived(self.receive_stream.arrived), ("arrived", self.receive_stream.arrived))
            self.receive_stream.arrived = 0
        if self.exchanges.wants_share:
            put(self.exchanges.frame(), ("share",))
            self.exchanges.wants_share = False
        if "spare" in self.wants and self.ids.spare:
            put(self.ids.spare, ("spare", self.ids.spare.number))
        if "ping" in self.wants:
            put(frames.Ping(), ("ping",))

    def _with_stream(self, content, items, room, now):
        if self.state not in ("OPEN", "SYN_RCVD"):
            return content, items
        piece = None
        if room > STREAM_HEADER:
            if self.probes:
                piece = self._probe_piece(room - STREAM_HEADER)
            elif self._may_send(room, now):
                piece = self.send.take(room - STREAM_HEADER)
        if piece:
            offset, data, fin = piece
            content.append(frames.encode(frames.Stream(offset, data, fin)))
            items.append(("stream", offset, offset + len(data), fin))
        elif not self.probes and self._may_send(room, now):
            self._put_repair(content, items, room)
        return content, items

    def _probe_piece(self, room):
        if self.send.lost:
            return self.send.take(room)
        if self.probe_oldest:
            self.probe_oldest = False
            holes = self.send.acked.holes(0, self.send.next)
            if holes:
                low, high = holes[0]
                high = min(high, low + room)
                return low, bytes(self.send.data[low:high]), self.send.fin_sent and high == self.send.end()
        return self.send.newest(room)

    # The fixed window and the pacer.

    def _window_bytes(self):
        packets_allowed = self.settings.flight_packets if self.recovery.rtt.least else BURST_PACKETS
        return packets_allowed * self.settings.datagram_bytes

    def _may_send(self, size, now):
        self.pace_at = None
        if not self.send.has_something() and not self.repairs:
            self._plan_repairs()
            if not self.repairs:
                return False
        if self.recovery.bytes_in_flight() + size > self._window_bytes():
            return False
        rate = PACE_GAIN * self._window_bytes() / self.recovery.rtt.smoothed
        burst = BURST_PACKETS * self.settings.datagram_bytes
        if self.tokens is None:
            self.tokens, self.tokens_at = burst, now
        self.tokens = min(burst, self.tokens + rate * (now - self.tokens_at))
        self.tokens_at = now
        if self.tokens < size:
            self.pace_at = now + (size - self.tokens) / rate
            return False
        return True

    # Repair symbols over the bytes that are not acknowledged, once there is nothing more to send.

    def _plan_repairs(self):
        stream = self.send
        if not self.peer.repairs or not self.settings.repairs or not self.path.is_validated or self.recovery.backoff:
            return
        low, size = max(stream.acked_up_to(), self.repaired_to), self.settings.datagram_bytes
        if stream.next < stream.end() or stream.next - low < REPAIR_LEAST_BYTES or self.state != "OPEN":
            return
        self.repaired_to = stream.next
        room = size - packets.HEADER - packets.TAG - REPAIR_HEADER - LEAST_ROOM
        while stream.next - low >= room:
            count = min(REPAIR_SYMBOLS, (stream.next - low) // room)
            symbols = [bytes(stream.data[low + i * room:low + (i + 1) * room]) for i in range(count)]
            rows = 2 + count // 8
            self.repairs += [frames.Repair(low, count, row, symbol_of(row, symbols)) for row in range(rows)]
            low += count * room

    def _put_repair(self, content, items, room):
        if not self.repairs or len(self.repairs[0].symbol) + REPAIR_HEADER > room:
            return
        content.append(frames.encode(self.repairs.pop(0)))
        items.append(("repair",))

    # Sealing, and what is remembered.

    def _seal(self, content, items, now):
        self.until_skip -= 1
        if self.until_skip == 0:
            self.recovery.skip()
            self.until_skip = random.randint(SKIP_FROM, SKIP_TO)
        eliciting = any(item[0] not in ("ack",) for item in items)
        has_repair = items[-1][0] == "repair"
        is_short = self.settings.short_ids and self.peer.short_ids and (has_repair or (
            now - self.heard_at < SHORT_FOR_S and self.recovery.pto_count == 0))
        number = self.recovery.next_number
        datagram = self.keys.seal(number, is_short, self.ids.to, b"".join(content))
        sent = Sent(number, now, len(datagram), items, eliciting)
        self.recovery.on_sent(sent)
        if eliciting and self.tokens is not None:
            self.tokens -= len(datagram)
        if self.probes and eliciting:
            self.probes -= 1
        self.receipts.on_sent()
        self.wants.discard("ack")
        return datagram

    def requeue_all(self, lost):
        for sent in lost:
            for item in sent.content:
                self._requeue(item)

    def _requeue(self, item):
        kind = item[0]
        if kind == "stream":
            self.send.on_lost(*item[1:])
        elif kind in ("identity", "window", "ping", "reset"):
            self.wants.add(kind)
        elif kind == "blocked" and item[1] == self.send.window:
            self.wants.add(kind)
        elif kind == "spare" and self.ids.spare and item[1] == self.ids.spare.number:
            self.wants.add(kind)
        elif kind == "arrived":
            self.receive_stream.arrived = max(self.receive_stream.arrived, item[1],
                                              self.receive_stream.complete_to())
            self.wants.add(kind)
        elif kind == "share" and self.exchanges.own and not (self.is_initiator and self.exchanges.peers):
            self.exchanges.wants_share = True

    def probe(self, now):
        """A probe time-out: two packets, with the control frames that may be missing."""
        self.probes = 2
        self.probe_oldest = self.recovery.pto_count > 1
        for sent in self.recovery.sent.values():
            for item in sent.content:
                if item[0] in ("identity", "window", "blocked", "reset", "share", "arrived", "spare"):
                    self._requeue(item)

    def keepalive(self):
        self.keepalives += 1
        self.wants.add("ping" if self.keepalives % 4 == 0 else "ack")

