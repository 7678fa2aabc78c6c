"""A path that every reader reads alike: the gateway and the services behind it."""

import re
from urllib.parse import unquote

# What nearly all paths are: nothing encoded, no dot segment, nothing empty.
_USUAL = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/%\\\x00-\x1f\x7f]+)+")


def plain(path: str) -> bool:
    """Whether all read the same segments: none empty, no dot segment, no encoded separator or control character."""
    return _USUAL.fullmatch(path) is not None or _read(path)


def _read(path: str) -> bool:
    if not path.startswith("/"):
        return False
    for segment in path[1:].split("/"):
        text = unquote(segment)
        if text in ("", ".", "..") or any(c in "/\\" or c < " " or c == "\x7f" for c in text):
            return False
    return True
