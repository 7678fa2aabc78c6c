"""What the shapes share that find something when a day is over (X35): what they find is settled, never late."""

from hashlib import sha256
from uuid import UUID

from eventing.compiled import Compiled
from eventing.verdicts import Anchor, Raised, Verdict

LONGEST_KEY = 64


def own_key(kind: str, day: str, account: bytes) -> str:
    """The event key of a shape that makes its own; one that is too long is replaced by a digest of it."""
    key = f"{kind}:{day}:{UUID(bytes=account)}" if account else f"{kind}:{day}"
    return short(key)


def short(key: str) -> str:
    """A key as it is, or the first digits of its digest."""
    return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()[:LONGEST_KEY]


def raise_(found: Raised, undone: int, anchor: Anchor, trigger: Compiled, verdicts: list[Verdict]) -> Anchor:
    """Raise a hit unless the subject rests or the trigger is off; return the last raised one from now on.

    One that is known to be reversed by now is not said at all.
    """
    if not trigger.enabled or not anchor.frees(found.day, trigger.cooldown):
        return anchor
    if not undone:
        verdicts.append(found)
    return Anchor(found.day, found.key, undone)
