# SPDX-License-Identifier: MIT
"""A set of integers as sorted, disjoint, half-open ranges."""
from bisect import bisect_left, bisect_right


class Ranges:
    def __init__(self):
        self.lows, self.highs = [], []

    def __iter__(self):
        return iter(zip(self.lows, self.highs))

    def __bool__(self):
        return bool(self.lows)

    def __contains__(self, value):
        i = bisect_right(self.lows, value) - 1
        return i >= 0 and value < self.highs[i]

    def add(self, low, high):
        if low >= high:
            return
        first, last = bisect_left(self.highs, low), bisect_right(self.lows, high)
        if first < last:
            low, high = min(low, self.lows[first]), max(high, self.highs[last - 1])
        self.lows[first:last], self.highs[first:last] = [low], [high]

    def remove(self, low, high):
        if low >= high:
            return
        first, last = bisect_right(self.highs, low), bisect_left(self.lows, high)
        if first >= last:
            return
        left, right = self.lows[first], self.highs[last - 1]
        keep = [(a, b) for a, b in ((left, low), (high, right)) if a < b]
        self.lows[first:last], self.highs[first:last] = [a for a, _ in keep], [b for _, b in keep]

    def holes(self, low, high):
        """What is missing of low..high."""
        missing = []
        for i in range(bisect_right(self.highs, low), len(self.lows)):
            if self.lows[i] >= high:
                break
            if self.lows[i] > low:
                missing.append((low, self.lows[i]))
            low = self.highs[i]
        if low < high:
            missing.append((low, high))
        return missing

    def covers(self, low, high):
        return not self.holes(low, high)

    def first(self):
        return self.lows[0], self.highs[0]

    def end_from(self, start):
        """Up to where everything from start on is in the set."""
        i = bisect_right(self.lows, start) - 1
        return self.highs[i] if i >= 0 and self.highs[i] > start else start

    def total(self):
        return sum(self.highs) - sum(self.lows)
