# SPDX-License-Identifier: MIT
"""RTT, loss detection and the probe time-out (sections 9.1 to 9.3, 9.5). The congestion window is fixed."""
from .wire import Malformed

FIRST_RTT_S = 0.1
GRANULARITY_S = 0.001
THRESHOLD, THRESHOLD_MAX = 3, 1024
CAP_PTOS, CAP_S = 3, 2
NO_BACKOFF_S = 0.6
NO_BACKOFF_FIRST_S = 0.2  # before the first RTT sample


class Rtt:
    def __init__(self):
        self.smoothed, self.variation, self.latest, self.least = FIRST_RTT_S, FIRST_RTT_S / 2, 0, None

    def sample(self, value, delay):
        self.latest = value
        if self.least is None:
            self.least, self.smoothed, self.variation = value, value, value / 2
            return
        self.least = min(self.least, value)
        if value - delay >= self.least:
            value -= delay
        self.variation += (abs(self.smoothed - value) - self.variation) / 4
        self.smoothed += (value - self.smoothed) / 8


class Sent:
    def __init__(self, number, now, size, content, is_eliciting):
        self.number, self.at, self.size, self.content = number, now, size, content
        self.is_eliciting = is_eliciting
        # Whether it counts against the congestion window.
        self.in_flight = is_eliciting
        self.gives_sample = True
        self.is_lost = False


class Recovery:
    def __init__(self, peers_ack_delay_s=0.025):
        self.rtt, self.peers_ack_delay_s = Rtt(), peers_ack_delay_s
        self.sent = {}
        self.skipped = set()
        self.next_number = 0
        self.largest_acked = -1
        self.threshold = THRESHOLD
        self.last_eliciting_at = None
        self.pto_count = 0
        self.backoff = 0
        self.pto_spent_s = 0
        self.loss_at = None
        self.first_unanswered_at = None
        self.losses = self.spurious = self.ptos = 0

    def on_sent(self, sent):
        self.sent[sent.number] = sent
        self.next_number = max(self.next_number, sent.number + 1)
        if sent.is_eliciting:
            self.last_eliciting_at = sent.at
            if self.first_unanswered_at is None:
                self.first_unanswered_at = sent.at

    def skip(self):
        self.skipped.add(self.next_number)
        self.next_number += 1

    def bytes_in_flight(self):
        return sum(sent.size for sent in self.sent.values() if sent.in_flight)

    def has_eliciting(self):
        return any(sent.is_eliciting and not sent.is_lost for sent in self.sent.values())

    def on_ack(self, ack, now):
        """The packets that are acknowledged only now, and those that are lost. Raises Malformed."""
        largest = ack.ranges[0][1]
        if largest >= self.next_number or any(low <= n <= high for n in self.skipped for low, high in ack.ranges):
            raise Malformed("an ACK of a number that was never sent")
        numbers = sorted(n for n in self.sent if any(low <= n <= high for low, high in ack.ranges))
        newly = [self.sent.pop(number) for number in numbers]
        if not newly:
            return [], []
        self._sample(newly, largest, ack.delay_us / 1e6, now)
        for sent in newly:
            if sent.is_lost:
                self.spurious += 1
            if sent.number < self.largest_acked:
                distance = self.largest_acked - sent.number
                self.threshold = max(self.threshold, min(THRESHOLD_MAX, 2 * distance))
        self.largest_acked = max(self.largest_acked, largest)
        self.pto_count = self.backoff = self.pto_spent_s = 0
        self.first_unanswered_at = now if self.has_eliciting() else None
        return newly, self.detect_losses(now)

    def _sample(self, newly, largest, delay, now):
        last = newly[-1]
        if last.number == largest and last.gives_sample and any(sent.is_eliciting for sent in newly):
            self.rtt.sample(now - last.at, min(delay, self.peers_ack_delay_s))

    def detect_losses(self, now):
        limit = max(9 / 8 * max(self.rtt.smoothed, self.rtt.latest), GRANULARITY_S)
        keep_s = 3 * self.pto()
        lost, self.loss_at = [], None
        for sent in list(self.sent.values()):
            if sent.is_lost:
                if now - sent.at > limit + keep_s:
                    del self.sent[sent.number]
            elif sent.number < self.largest_acked:
                if self.largest_acked - sent.number >= self.threshold or sent.at + limit <= now:
                    sent.is_lost, sent.in_flight = True, False
                    lost.append(sent)
                elif self.loss_at is None or sent.at + limit < self.loss_at:
                    self.loss_at = sent.at + limit
        self.losses += len(lost)
        return lost

    def pto(self):
        return self.rtt.smoothed + max(4 * self.rtt.variation, GRANULARITY_S) + self.peers_ack_delay_s

    def pto_interval(self):
        return min(self.pto() * 2 ** min(self.backoff, 32), max(CAP_PTOS * self.pto(), CAP_S))

    def pto_at(self):
        if self.last_eliciting_at is None or not self.has_eliciting():
            return None
        return self.last_eliciting_at + self.pto_interval()

    def on_pto(self):
        self.ptos += 1
        self.pto_count += 1
        self.pto_spent_s += self.pto_interval()
        if self.pto_spent_s >= (NO_BACKOFF_FIRST_S if self.rtt.least is None else NO_BACKOFF_S):
            self.backoff += 1

    def forget_path(self):
        """The host's address has changed: what is in flight neither counts nor measures."""
        self.rtt = Rtt()
        self.pto_count = self.backoff = self.pto_spent_s = 0
        for sent in self.sent.values():
            sent.in_flight = sent.gives_sample = False
