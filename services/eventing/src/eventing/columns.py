"""Columns of many rows as parameters: short words go as one text, which PostgreSQL takes apart for less.

The driver looks at each element of an array twice, at half a microsecond; that is a tenth of a worker's time.
"""

from collections.abc import Iterable

APART = "\x1f"
"""Stands in no code, number, date or id."""


def words(values: Iterable[str]) -> str:
    """A column of words, each without APART; an empty one is NULL."""
    return APART.join(values)


def taken_apart(number: int, kind: str) -> str:
    """The array of a PostgreSQL type behind a parameter that `words` has made."""
    return f"string_to_array(${number}::text, E'\\x1f', '')::{kind}[]"
