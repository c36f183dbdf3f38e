# SPDX-License-Identifier: MIT
"""Repair symbols: making them and solving blocks (REPAIR in section 4, and section 9.7).

Symbols are multiplied as a whole by bytes.translate() and added as long integers.
"""
BLOCKS_MAX, SYMBOLS_KEPT = 16, 32

_EXP, _LOG = [0] * 510, [0] * 256
_value = 1
for _i in range(255):
    _EXP[_i] = _EXP[_i + 255] = _value
    _LOG[_value] = _i
    _value = _value << 1 ^ (0x11d if _value & 0x80 else 0)


def multiply(a, b):
    return _EXP[_LOG[a] + _LOG[b]] if a and b else 0


def inverse(a):
    return _EXP[255 - _LOG[a]]


def factor(row, i):
    return inverse(128 + row ^ i)


_TABLES = [bytes(multiply(a, b) for b in range(256)) for a in range(256)]


def _times(a, data):
    return int.from_bytes(data.translate(_TABLES[a]), "big")


def symbol_of(row, symbols):
    total = 0
    for i, symbol in enumerate(symbols):
        total ^= _times(factor(row, i), symbol)
    return total.to_bytes(len(symbols[0]), "big")


def _invert(matrix):
    """Gauss-Jordan over GF(256); every square submatrix of a Cauchy matrix has an inverse."""
    size = len(matrix)
    rows = [list(row) + [int(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for at in range(size):
        pivot = next(i for i in range(at, size) if rows[i][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        scale = inverse(rows[at][at])
        rows[at] = [multiply(scale, x) for x in rows[at]]
        for i in range(size):
            if i != at and rows[i][at]:
                by = rows[i][at]
                rows[i] = [x ^ multiply(by, y) for x, y in zip(rows[i], rows[at])]
    return [row[size:] for row in rows]


class Block:
    """The repair symbols that were received for one block of the stream."""

    def __init__(self, offset, count, size):
        self.offset, self.count, self.size = offset, count, size
        self.rows = {}

    def end(self):
        return self.offset + self.count * self.size

    def add(self, row, symbol):
        if len(self.rows) < SYMBOLS_KEPT:
            self.rows[row] = symbol

    def _missing_columns(self, holes):
        """(from column, to column, symbols that miss all columns between), from the holes in the block."""
        edges = {0, self.size}
        pieces = []
        for low, high in holes:
            while low < high:
                i, column = divmod(low - self.offset, self.size)
                stop = min(self.size, column + high - low)
                pieces.append((i, column, stop))
                edges.update((column, stop))
                low += stop - column
        edges = sorted(edges)
        for low, high in zip(edges, edges[1:]):
            missing = [i for i, start, stop in pieces if start <= low and high <= stop]
            if missing:
                yield low, high, missing

    def solve(self, holes, read):
        """(offset, bytes) of what can be recovered. holes: the missing ranges inside the block; read(offset, size):
        bytes of the stream, of which the missing ones may be anything."""
        rows = sorted(self.rows)
        for low, high, missing in self._missing_columns(holes):
            if len(missing) > len(rows):
                continue
            used = rows[:len(missing)]
            known = [(i, read(self.offset + i * self.size + low, high - low))
                     for i in range(self.count) if i not in missing]
            sums = []
            for row in used:
                total = int.from_bytes(self.rows[row][low:high], "big")
                for i, piece in known:
                    total ^= _times(factor(row, i), piece)
                sums.append(total.to_bytes(high - low, "big"))
            matrix = _invert([[factor(row, i) for i in missing] for row in used])
            for i, line in zip(missing, matrix):
                total = 0
                for by, piece in zip(line, sums):
                    total ^= _times(by, piece)
                yield self.offset + i * self.size + low, total.to_bytes(high - low, "big")
