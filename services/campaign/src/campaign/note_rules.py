"""What a note may hold: short, plain, and nothing that identifies a person. Pure."""

import re
import unicodedata

LONGEST = 500
MASK = "***"

# Phones, documents, cards and accounts have eight digits and more, whatever stands between them; mail has an @.
_NUMBER = re.compile(r"\d(?:[ ().-]?\d){7,}[Xx]?")
_MAIL = re.compile(r"[^\s@,;，；]+@[^\s@,;，；]+")


def clean(text: str) -> str:
    """The text without control and invisible characters, and with numbers and addresses of persons masked."""
    plain = "".join(c if c == "\n" or not _hidden(c) else " " for c in unicodedata.normalize("NFC", text))
    masked = _MAIL.sub(MASK, _NUMBER.sub(MASK, plain))
    lines = (" ".join(line.split()) for line in masked.split("\n"))
    return "\n".join(line for line in lines if line)[:LONGEST]


def _hidden(char: str) -> bool:
    """Controls, formats such as right-to-left marks, surrogates, private use, line and paragraph separators."""
    return unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp")
