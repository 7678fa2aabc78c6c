"""Is every value that one JSON Schema admits admitted by another too? Pure; the part of JSON Schema that we write."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

# Bound → whether a larger one admits less.
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_OBJECT = ("properties", "additionalProperties", "required")
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def resolved(schema: Document, document: Document) -> Document:
    """Follow `$ref` and note it as `x-ref`; what stands beside it wins."""
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, "x-ref": schema["$ref"], **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def outside(
    inner: Document,
    outer: Document,
    inner_document: Document,
    outer_document: Document,
    *,
    tolerant: bool = False,
    gone: bool = True,
) -> Iterator[str]:
    """Say which values of `inner` are none of `outer`, in words; nothing if there are none.

    `tolerant`: whoever expects `outer` ignores fields it does not know. `gone`: with that, a field it knows must stay.
    """
    yield from _Comparison(inner_document, outer_document, tolerant, tolerant and gone).values(inner, outer, "")


class _Comparison:
    def __init__(self, inner: Document, outer: Document, tolerant: bool, gone: bool) -> None:
        self._inner, self._outer, self._tolerant, self._gone = inner, outer, tolerant, gone
        self._under_way: set[tuple[Any, Any]] = set()

    def values(self, inner: Document, outer: Document, at: str) -> Iterator[str]:
        """Values of `inner` outside `outer`."""
        room = list(_options(outer, self._outer))
        for option in _options(inner, self._inner):
            yield from self._option(option, room, at)

    def _option(self, option: Document, room: list[Document], at: str) -> Iterator[str]:
        """An option fits if it lies within one of the others; else say what the nearest one lacks."""
        found = [list(self._once(option, other, at)) for other in room]
        if all(found):
            same_kind = [f for f, other in zip(found, room, strict=True) if _kind(other) == _kind(option)]
            yield from (
                min(same_kind or found, key=len)
                if len(room) == 1 or same_kind
                else [f"{_named(at)} as {_kind(option)}"]
            )

    def _once(self, inner: Document, outer: Document, at: str) -> Iterator[str]:
        """Follow a schema that contains itself once."""
        pair = inner.get("x-ref"), outer.get("x-ref")
        if pair in self._under_way:
            return
        if None not in pair:
            self._under_way.add(pair)
        yield from self._plain(inner, outer, at)
        self._under_way.discard(pair)

    def _plain(self, inner: Document, outer: Document, at: str) -> Iterator[str]:
        if not _says_something(outer):
            return
        if (values := _enum(outer)) is not None:
            mine = _enum(inner)
            missing = None if mine is None else [value for value in mine if value not in values]
            if missing is None:
                yield f"{_named(at)} with any value"
            elif missing:
                yield f"{_named(at)} = {', '.join(map(str, missing))}"
            return
        if "type" in outer and not _fits(_kind(inner), outer["type"]):
            yield f"{_named(at)} as {_kind(inner)}"
            return
        yield from self._bounds(inner, outer, at)
        if any(word in outer for word in _OBJECT):
            yield from self._object(inner, outer, at)
        if "items" in outer or "prefixItems" in outer:
            yield from self._array(inner, outer, at)

    def _bounds(self, inner: Document, outer: Document, at: str) -> Iterator[str]:
        for words, sign in ((_LOWER, 1), (_UPPER, -1)):
            for word in words:
                limit, mine = outer.get(word), inner.get(word)
                if limit is None or (limit == 0 and word in ("minLength", "minItems")):
                    continue
                if _enum(inner) is None and (mine is None or mine * sign < limit * sign):
                    yield f"{_named(at)} beyond {word} {limit}"
        for word in ("pattern", "format", "multipleOf"):
            if word in outer and outer[word] != inner.get(word) and _enum(inner) is None:
                yield f"{_named(at)} of another {word}"

    def _object(self, inner: Document, outer: Document, at: str) -> Iterator[str]:
        mine, theirs = inner.get("properties", {}), outer.get("properties", {})
        for name in outer.get("required", []):
            if name not in inner.get("required", []) and (name in mine or not self._gone):
                yield f"no {_named(f'{at}.{name}')}"
        for name, schema in mine.items():
            if name in theirs:
                yield from self.values(schema, theirs[name], f"{at}.{name}")
            elif not self._tolerant and outer.get("additionalProperties") is False:
                yield f"{_named(f'{at}.{name}')}, which is not known"
        for name in theirs if self._gone else ():
            if name not in mine:
                yield f"no {_named(f'{at}.{name}')} any more"
        rest, room = inner.get("additionalProperties"), outer.get("additionalProperties")
        if isinstance(room, dict):
            yield from self.values(rest if isinstance(rest, dict) else {}, room, f"{at}.*")

    def _array(self, inner: Document, outer: Document, at: str) -> Iterator[str]:
        mine, theirs = inner.get("prefixItems", []), outer.get("prefixItems", [])
        for number, (one, other) in enumerate(zip(mine, theirs, strict=False)):
            yield from self.values(one, other, f"{at}[{number}]")
        if isinstance(outer.get("items"), dict):
            items = inner.get("items")
            yield from self.values(items if isinstance(items, dict) else {}, outer["items"], f"{at}[]")


def _options(schema: Document, document: Document) -> Iterator[Document]:
    """The schemas of which a value fits one: anyOf, oneOf and lists of types, flattened."""
    schema = resolved(schema, document)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            for option in schema[word]:
                yield from _options(option, document)
            return
    if len(schema.get("allOf", [])) == 1:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        yield from _options({**resolved(schema["allOf"][0], document), **rest}, document)
    elif isinstance(schema.get("type"), list):
        yield from ({**schema, "type": one} for one in schema["type"])
    else:
        yield schema


def _says_something(schema: Document) -> bool:
    notes = {"title", "description", "default", "examples", "example", "deprecated", "$schema", "$id", "$defs"}
    return any(key not in notes and not key.startswith("x-") for key in schema)


def _enum(schema: Document) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return list(values) if values is not None else None


def _kind(schema: Document) -> str:
    if "type" in schema:
        return str(schema["type"])
    values = _enum(schema)
    return _KINDS.get(type(values[0]), "anything") if values else "anything"


def _fits(kind: str, outer: str) -> bool:
    return kind == outer or (kind, outer) == ("integer", "number")


def _named(at: str) -> str:
    return at.lstrip(".") or "a value"
