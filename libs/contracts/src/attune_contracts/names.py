"""Names that somebody has misspelt."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST_NAME = 64


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name that is most like this one; None where nothing is so like it (0 to 1)."""
    name = name[:_LONGEST_NAME].lower()
    ordered = sorted(known)
    # The same letters in another order are the likeliest slip: `nad` is AND, not END.
    found = [other for other in ordered if len(other) == len(name) and sorted(other) == sorted(name)]
    found = found or get_close_matches(name, ordered, n=1, cutoff=likeness)
    return found[0] if found else None
