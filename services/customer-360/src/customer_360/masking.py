"""What of a name, phone or document is shown to whom. Pure: the caller's scopes decide, nothing else."""

from collections.abc import Set
from dataclasses import dataclass

from customer_360.pinyin import is_han
from customer_360.surnames import surname_of

# Who serves customers sees their names, and may ask for the rest in full, with a reason and on record.
FULL = "identity:read"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees of customers in views and lists. Phones and documents are masked for everybody there."""

    names: bool

    @classmethod
    def of(cls, scopes: Set[str]) -> "Sight":
        """The sight of a caller with these scopes."""
        return cls(names=FULL in scopes)

    def name(self, text: str | None, party_kind: str) -> str | None:
        """The name as this caller sees it. An organisation's is public."""
        return text if text is None or self.names or party_kind == "organisation" else name(text)


def name(text: str) -> str:
    """The surname, or the first letter, and one star: how long the name is stays hidden. `张*`, `欧阳*`, `W*`."""
    text = text.strip()
    if not text:
        return "*"
    shown = surname_of(text) if is_han(text[0]) else text[0]
    return shown + "*" if len(text) > 1 else "*"


def phone(text: str) -> str:
    """The last four digits, and the first three of a mobile number of eleven: `138****1234`."""
    digits = "".join(char for char in text if char.isdigit())
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    if len(digits) == 11:
        return f"{digits[:3]}****{digits[-4:]}"
    return "****" + digits[-4:] if len(digits) >= 8 else "****"


def document(text: str) -> str:
    """Head and tail by length: three and four of an identity card, one and two of a passport, none of a short one."""
    plain = "".join(char for char in text if char.isalnum())
    if len(plain) >= 15:
        return _ends(plain, 3, 4)
    return _ends(plain, 1, 2) if len(plain) >= 8 else "*" * len(plain)


def _ends(text: str, head: int, tail: int) -> str:
    return text[:head] + "*" * (len(text) - head - tail) + text[-tail:]
