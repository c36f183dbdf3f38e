# SPDX-License-Identifier: MIT
"""The two directions of the stream: what is to be sent, and what has arrived (sections 9, 10, 12.2)."""
from .fec import BLOCKS_MAX, Block
from .ranges import Ranges
from .wire import Malformed

# Bytes that are kept after the program has read them, for repair symbols.
KEPT = 192 * 1024


class SendStream:
    def __init__(self, window):
        self.window = window
        self.data = bytearray()
        self.next = 0
        self.acked, self.lost = Ranges(), Ranges()
        self.is_finished = False
        self.fin_sent = self.fin_acked = self.fin_lost = False
        self.blocked_at = None

    def end(self):
        return len(self.data)

    def acked_up_to(self):
        return self.acked.end_from(0)

    def has_all_acked(self):
        return self.is_finished and self.fin_acked and self.acked_up_to() == self.end()

    def has_something(self):
        return bool(self.lost) or self._has_new() or self._has_fin()

    def _has_new(self):
        return self.next < min(self.end(), self.window)

    def _has_fin(self):
        if not self.is_finished or self.fin_acked or self.lost or self.next < self.end():
            return False
        return self.fin_lost or not self.fin_sent

    def is_blocked(self):
        return self.next >= self.window and self.next < self.end()

    def take(self, room):
        """(offset, bytes, fin) of the next frame, or None."""
        if self.lost:
            low, high = self.lost.first()
            high = min(high, low + room)
            self.lost.remove(low, high)
        elif self._has_new():
            low = self.next
            high = self.next = min(self.end(), self.window, low + room)
        elif self._has_fin():
            low = high = self.end()
        else:
            return None
        fin = self.is_finished and high == self.end()
        if fin:
            self.fin_sent, self.fin_lost = True, False
        return low, bytes(self.data[low:high]), fin

    def newest(self, room):
        """The newest bytes that are not acknowledged, for a probe."""
        holes = self.acked.holes(0, self.next)
        if holes:
            low, high = holes[-1]
            return max(low, high - room), bytes(self.data[max(low, high - room):high]), \
                self.fin_sent and high == self.end()
        if self.fin_sent and not self.fin_acked:
            return self.end(), b"", True
        return None

    def on_acked(self, low, high, fin):
        self.acked.add(low, high)
        self.lost.remove(low, high)
        self.fin_acked |= fin

    def on_arrived(self, offset):
        """ARRIVED. Raises Malformed."""
        if offset > self.next:
            raise Malformed("ARRIVED beyond what was sent")
        self.on_acked(0, offset, False)

    def on_lost(self, low, high, fin):
        for hole in self.acked.holes(low, high):
            self.lost.add(*hole)
        self.fin_lost |= fin and not self.fin_acked


class ReceiveStream:
    def __init__(self, window, accepts_repairs):
        self.size_of_window = window
        self.limit = window
        self.announced = window
        self.buffer, self.base = bytearray(), 0
        self.got = Ranges()
        self.read_at = 0
        self.final = None
        self.accepts_repairs = accepts_repairs
        self.blocks = {}
        # Up to where everything has arrived by repair; the peer is told so.
        self.arrived = 0
        self.repaired = 0

    def complete_to(self):
        return self.got.end_from(0)

    def is_complete(self):
        return self.final is not None and self.complete_to() == self.final

    def has_all_read(self):
        return self.is_complete() and self.read_at == self.final

    def _store(self, offset, data):
        if offset < self.base:
            data = data[self.base - offset:]
            offset = self.base
        need = offset + len(data) - self.base
        if need > len(self.buffer):
            self.buffer.extend(bytes(need - len(self.buffer)))
        self.buffer[offset - self.base:need] = data
        self.got.add(offset, offset + len(data))

    def on_stream(self, offset, data, fin):
        """Raises Malformed where bytes are beyond the window or in conflict with the final size."""
        end, highest = offset + len(data), self.got.highs[-1] if self.got else 0
        if data and end > self.limit:
            raise Malformed("bytes beyond the window")
        if self.final is not None and (end > self.final or (fin and end != self.final)):
            raise Malformed("in conflict with the final size")
        if fin and end < highest:
            raise Malformed("a final size below what was received")
        self._store(offset, data)
        if fin:
            self.final = end
        self._solve()

    def on_repair(self, frame):
        size = len(frame.symbol)
        if size == 0:
            return
        end = frame.offset + frame.count * size
        if end > self.limit or (self.final is not None and end > self.final):
            raise Malformed("a block beyond the window or the final size")
        key = frame.offset, frame.count, size
        if key not in self.blocks:
            if self.got.covers(frame.offset, end):
                return
            if frame.offset < self.base or len(self.blocks) >= BLOCKS_MAX:
                return
            self.blocks[key] = Block(*key)
        self.blocks[key].add(frame.row, frame.symbol)
        self._solve()

    def _read_any(self, offset, size):
        piece = bytes(self.buffer[offset - self.base:offset - self.base + size])
        return piece.ljust(size, b"\0")

    def _solve(self):
        for key, block in list(self.blocks.items()):
            holes = self.got.holes(block.offset, block.end())
            if holes and block.offset >= self.base:
                before = self.complete_to()
                for offset, data in list(block.solve(holes, self._read_any)):
                    self._store(offset, data)
                    self.repaired += len(data)
                if self.complete_to() > before:
                    self.arrived = self.complete_to()
                holes = self.got.holes(block.offset, block.end())
            if not holes or block.offset < self.base:
                del self.blocks[key]

    def readable(self):
        return self.complete_to() - self.read_at

    def read(self, count=None):
        high = self.complete_to()
        if count is not None:
            high = min(high, self.read_at + count)
        data = bytes(self.buffer[self.read_at - self.base:high - self.base])
        self.read_at = high
        if high - self.base > 4 * KEPT:
            del self.buffer[:high - KEPT - self.base]
            self.base = high - KEPT
        return data

    def next_window(self):
        """The limit to announce, if enough has been read since the last one; None otherwise."""
        limit = self.read_at + self.size_of_window
        if limit - self.announced < self.size_of_window // 4:
            return None
        return limit

    def announce(self, limit):
        self.limit = self.announced = max(limit, self.limit)
