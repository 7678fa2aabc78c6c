"""A customer's own deposit history, exact and all integers (X34).

Kept: the first posting day, `base` (every movement on or before `upto`), one net movement a day after it. The
closing-balance integral over [a, b) is `base * (b - a) + sum(net * (b - max(day, a)))`: today is never in it, so the
order of postings inside a day cannot matter. Days are ordinals (`date.toordinal`), money is minor units.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import lru_cache, partial
from itertools import accumulate
from operator import mul, sub
from typing import NamedTuple


@lru_cache(maxsize=4096)
def months_before(day: int, months: int) -> int:
    """The ordinal of the day `months` calendar months earlier, clamped to that month's last day (X37)."""
    then = date.fromordinal(day)
    year, month = divmod(then.year * 12 + then.month - 1 - months, 12)
    first_of_next = date(year + (month == 11), 1 if month == 11 else month + 2, 1)
    last_day = (first_of_next - date(year, month + 1, 1)).days
    return date(year, month + 1, min(then.day, last_day)).toordinal()


class Comparison(NamedTuple):
    """An amount beside the history before its day: exceeded if amount · days > integral, a sum of closing balances."""

    amount: int
    start: int
    days: int
    first: int
    integral: int | None
    times: Fraction = Fraction(1)

    @property
    def exceeded(self) -> bool:
        """Whether the amount lies above so many times the mean closing balance of a history that is long enough."""
        if self.integral is None:
            return False
        return self.amount * self.days * self.times.denominator > self.integral * self.times.numerator

    @property
    def mean(self) -> int:
        """The mean closing balance, rounded half up; 0 without a history."""
        return 0 if self.integral is None else mean(self.integral, self.days)


_CODES = (("b", 7), ("h", 15), ("i", 31), ("q", 63))
_WIDTHS = [next(code for code, most in _CODES if bits <= most) for bits in range(64)]


@lru_cache(maxsize=4096)
def _packer(code: str, count: int) -> Callable[..., bytes]:
    return partial(struct.Struct(f"<c{count}{code}").pack, code.encode())


def packed_ints(values: Sequence[int]) -> bytes:
    """Integers as bytes: all as wide as the widest needs, the width first."""
    if not values:
        return b"b"
    return _packer(_WIDTHS[max(max(values), ~min(values)).bit_length()], len(values))(*values)


def unpacked_ints(packed: bytes) -> list[int]:
    """The integers behind their bytes."""
    code = chr(packed[0])
    return list(struct.unpack_from(f"<{(len(packed) - 1) // struct.calcsize(code)}{code}", packed, 1))


@dataclass(slots=True)
class OwnHistory:
    """Movements of one customer's deposit accounts; `last` is the largest day seen, 0 before the first posting."""

    first: int = 0
    last: int = 0
    upto: int = 0
    base: int = 0
    days: list[int] = field(default_factory=list)
    nets: list[int] = field(default_factory=list)

    def pack(self) -> tuple[int, int, int, int, bytes, bytes]:
        """The history for msgpack: equal for equal sets of movements."""
        days, nets = self.days, self.nets
        if 0 in nets:
            days = [day for day, net in zip(days, nets, strict=True) if net]
            nets = [net for net in nets if net]
        deltas = list(map(sub, days, [self.upto, *days]))
        first = self.first
        return first, self.last - first, self.upto - first, self.base, packed_ints(deltas), packed_ints(nets)

    @staticmethod
    def unpack(first: int, length: int, folded: int, base: int, deltas: bytes, nets: bytes) -> "OwnHistory":
        """The history that `pack` gave."""
        last, upto = first + length, first + folded
        days = list(accumulate(unpacked_ints(deltas), initial=upto))[1:]
        return OwnHistory(first, last, upto, base, days, unpacked_ints(nets))

    def move(self, day: int, net: int) -> None:
        """Book a signed amount on a day, late or not."""
        if not self.first or day < self.first:
            self.first = day
        if day > self.last:
            self.last = day
        if day <= self.upto:
            self.base += net
        elif not self.days or day > self.days[-1]:
            self.days.append(day)
            self.nets.append(net)
        elif day == self.days[-1]:
            self.nets[-1] += net
        else:
            self._insert(day, net)

    def _insert(self, day: int, net: int) -> None:
        at = bisect_left(self.days, day)
        if self.days[at] == day:
            self.nets[at] += net
        else:
            self.days.insert(at, day)
            self.nets.insert(at, net)

    def fold(self, upto: int) -> None:
        """Add the days up to and including `upto` to the base: no window will begin before it again."""
        if upto <= self.upto:
            return
        self.upto = upto
        count = bisect_right(self.days, upto)
        if count:
            self.base += sum(self.nets[:count])
            del self.days[:count]
            del self.nets[:count]

    def integral(self, start: int, end: int, opening: int) -> int:
        """The sum of the closing balances of the days start <= x < end; `start` may not lie before `upto`."""
        before = bisect_right(self.days, start)
        after = bisect_left(self.days, end)
        nets = self.nets[before:after]
        level = opening + self.base + sum(self.nets[:before])
        moment: int = sum(map(mul, nets, self.days[before:after]))
        return level * (end - start) + end * sum(nets) - moment

    def beside(self, amount: int, day: int, start: int, opening: int, times: Fraction = Fraction(1)) -> "Comparison":
        """Compare an amount with so many times the mean closing balance of the days from `start` to before `day` (X37).

        Without an integral where the history is shorter than that, or folded beyond it.
        """
        if not self.first or self.first > start or start < self.upto:
            return Comparison(amount, start, day - start, self.first, None, times)
        return Comparison(amount, start, day - start, self.first, self.integral(start, day, opening), times)


def mean(total: int, days: int) -> int:
    """An integral over so many days as a mean, rounded half up, without a float."""
    return (2 * total + days) // (2 * days)
