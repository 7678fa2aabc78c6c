"""A path that every reader reads alike: the gateway and the services behind it."""

from urllib.parse import unquote


def plain(path: str) -> bool:
    """Whether all read the same segments: none empty, no dot segment, no encoded separator or control character."""
    if not path.startswith("/"):
        return False
    for segment in path[1:].split("/"):
        text = unquote(segment)
        if text in ("", ".", "..") or any(c in "/\\" or c < " " or c == "\x7f" for c in text):
            return False
    return True
