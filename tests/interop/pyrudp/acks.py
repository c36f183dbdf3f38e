# SPDX-License-Identifier: MIT
"""What was received, and when that must be acknowledged (section 9.4)."""
from . import frames
from .ranges import Ranges

EVERY = 2


class Receipts:
    def __init__(self, delay_s):
        self.ranges, self.delay_s = Ranges(), delay_s
        self.largest, self.largest_at = -1, 0
        self.due_at, self.waiting = None, 0
        # ECT(0), ECT(1), CE
        self.ecn = [0, 0, 0]

    def on_packet(self, number, is_eliciting, ecn, now, at_once=False):
        is_next = number == self.largest + 1
        self.ranges.add(number, number + 1)
        if number > self.largest:
            self.largest, self.largest_at = number, now
        if ecn:
            self.ecn[{2: 0, 1: 1, 3: 2}[ecn]] += 1
        if not is_eliciting:
            return
        self.waiting += 1
        if at_once or not is_next or ecn == 3 or self.waiting >= EVERY:
            self.due_at = now
        elif self.due_at is None:
            self.due_at = now + self.delay_s

    def frame(self, now):
        if not self.ranges:
            return None
        newest = [(low, high - 1) for low, high in self.ranges][-frames.RANGES_MAX:]
        delay_us = max(0, int((now - self.largest_at) * 1e6))
        return frames.Ack(tuple(reversed(newest)), delay_us, tuple(self.ecn) if any(self.ecn) else None)

    def on_sent(self):
        self.due_at, self.waiting = None, 0

    def on_acknowledged(self, largest):
        """The peer knows of everything up to here; one number remains, so that there is always a range."""
        self.ranges.remove(0, largest)
