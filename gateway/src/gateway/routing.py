"""Which service answers a request: by method and path template, never by prefix (X30). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from attune_service_kit.paths import plain


@dataclass(frozen=True, slots=True)
class Found:
    """The service that answers, the template it matched (for the access line: no ids in it), and its own limits."""

    service: str
    template: str
    max_body: int | None = None
    read_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """No service has such a path."""


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path exists, for these methods."""

    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    suffixed: dict[str, "_Node"] = field(default_factory=dict)  # `{id}:verb`, by `:verb`
    anything: "_Node | None" = None
    answers: dict[str, Found] = field(default_factory=dict)


class Routes:
    """A tree over path segments; a literal wins over `{id}:verb`, and that over `{id}`."""

    def __init__(self, table: Iterable[Mapping[str, Any]]) -> None:
        """Build from rows with `method`, `path`, `service`; `max_body_bytes`, `read_seconds` where they are its own."""
        self._root = _Node()
        self.services: tuple[str, ...] = ()
        for row in table:
            limits = row.get("max_body_bytes"), row.get("read_seconds")
            self._insert(row["method"], row["path"], Found(row["service"], row["path"], *limits))
            if row["service"] not in self.services:
                self.services = (*self.services, row["service"])

    def match(self, method: str, path: str) -> Found | Unknown | WrongMethod:
        """Find who answers `path` (still percent-encoded). Paths that decode ambiguously are unknown."""
        if not plain(path):
            return Unknown()
        node = self._find(self._root, path[1:].split("/"), 0)
        if node is None:
            return Unknown()
        return node.answers.get(method) or WrongMethod(tuple(sorted(node.answers)))

    def _insert(self, method: str, path: str, found: Found) -> None:
        node = self._root
        for segment in path[1:].split("/"):
            if not segment.startswith("{"):
                node = node.literal.setdefault(segment, _Node())
            elif suffix := segment[segment.index("}") + 1 :]:
                node = node.suffixed.setdefault(suffix, _Node())
            else:
                node.anything = node.anything or _Node()
                node = node.anything
        node.answers[method] = found

    def _find(self, node: _Node, segments: list[str], at: int) -> _Node | None:
        if at == len(segments):
            return node if node.answers else None
        segment = segments[at]
        choices = [node.literal.get(segment)]
        colon = segment.rfind(":")
        if colon > 0:
            choices.append(node.suffixed.get(segment[colon:]))
        if segment:
            choices.append(node.anything)
        for choice in choices:
            if choice is not None and (found := self._find(choice, segments, at + 1)):
                return found
        return None
