"""What text may be: composed (NFC), without characters that cannot be seen or that turn others around. Pure."""

import re
import unicodedata

# Controls, format characters (bidirectional overrides, zero-width, soft hyphen, byte order mark), lone surrogates,
# unassigned code points, line and paragraph separators. Private use stays: rare characters of names live there.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_LINES = frozenset("\n\t")
_LINE_ENDS = re.compile(r"\r\n?")


class UnseenCharacters(ValueError):
    """A text holds characters that nobody sees; which ones is not told."""

    def __init__(self) -> None:
        super().__init__("the text holds control, zero-width or direction characters")


def plain(text: str) -> str:
    """One line, composed; raises UnseenCharacters."""
    composed = unicodedata.normalize("NFC", text)
    if not composed.isprintable() and any(unicodedata.category(c) in _REFUSED for c in composed):
        raise UnseenCharacters
    return composed


def trimmed(text: str) -> str:
    """The same without white space around it, so that nothing but spaces is nothing."""
    return plain(text).strip()


def free(text: str) -> str:
    """Several lines, composed and trimmed; what nobody sees is taken out."""
    composed = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text))
    return "".join(c for c in composed if c in _LINES or unicodedata.category(c) not in _REFUSED).strip()


def file(text: str) -> str:
    """A file's lines as they stand, composed: places in it are told by line and column. Raises UnseenCharacters."""
    composed = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text))
    if any(c not in _LINES and unicodedata.category(c) in _REFUSED for c in composed):
        raise UnseenCharacters
    return composed


def same(text: str) -> str:
    """The form in which two writings of one name are equal: compatibility forms, case and spacing aside."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
