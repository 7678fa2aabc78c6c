"""A body is read once where nothing is unusual, and refused as if it were always read twice."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_service_kit import edge
from attune_service_kit.edge import DEEPEST, Malformed
from attune_service_kit.errors import TooLarge

# Few keys and telling characters: colons and brackets in texts, the same key written in two ways.
NAMES = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"a:b"', '"{[:"', '""', '"人"'])
TEXTS = st.sampled_from(['"x:y"', '"}"', '"[[{{"', "1", "-2.5e3", "true", "null", '"\\"a\\":1"'])


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{name} : {value}" for name, value in pairs) + "}"


DOCUMENTS = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(st.tuples(NAMES, inner), max_size=4).map(_object)
        | st.lists(inner, max_size=4).map(lambda values: "[" + ", ".join(values) + "]")
    ),
    max_leaves=12,
)


def twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("twice")
    return dict(pairs)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_a_key_that_comes_twice_is_refused_wherever_it_is(text: str) -> None:
    try:
        expected = json.loads(text, object_pairs_hook=twice)
    except ValueError:
        with pytest.raises(Malformed):
            edge.checked(text.encode(), "application/json")
    else:
        assert edge.checked(text.encode(), "application/json") == expected


@pytest.mark.parametrize("opening", ['{"a":', "[", '[0,{"b":1},'])
@pytest.mark.parametrize("beside", ["", ',"{[:"', ',"]"'])
def test_depth_is_counted_whatever_stands_beside_it(opening: str, beside: str) -> None:
    def nested(levels: int) -> bytes:
        closing = "}" if opening.startswith("{") else "]"
        inner = opening * (levels - 1) + "[1]" + closing * (levels - 1)
        return f"[{inner}{beside}]".encode()

    assert edge.checked(nested(DEEPEST - 1), "application/json")
    with pytest.raises(Malformed):
        edge.checked(nested(DEEPEST), "application/json")


@pytest.mark.parametrize(("objects", "lists"), [(0, 0), (3, 2), (499, 0), (300, 300), (5_000, 1)])
def test_never_fewer_brackets_are_told_than_there_are(objects: int, lists: int) -> None:
    body = b"{x" * objects + b"[" * lists
    told = edge._opened(body)
    assert told >= objects + lists
    assert told == objects + lists or objects + lists >= edge._BRACKETS


async def test_a_body_in_crumbs_is_put_together_and_limited_as_it_comes() -> None:
    async def read(pieces: list[bytes], most: int) -> Any:
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        messages.append({"type": "http.request", "body": b"", "more_body": False})
        asked = iter(messages)

        async def receive() -> Any:
            return next(asked)

        scope: dict[str, Any] = {"headers": [(b"content-type", b"application/json")]}
        exchange = edge._Exchange(scope, receive, receive, ("r", "c"), dict(scope["headers"]))  # type: ignore[arg-type]
        replayed = await (await exchange._read(most))()
        assert replayed["body"] == b"".join(pieces)
        return scope["state"]["json"]

    assert await read([b"", b'{"a"', b":1", b",", b'"b":[2]}'], 100) == {"a": 1, "b": [2]}
    assert await read([b"[1]"], 3) == [1]
    assert await read([], 3) is None
    with pytest.raises(TooLarge):
        await read([b"[1", b"]", b" "], 3)
