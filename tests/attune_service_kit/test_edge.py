"""A body is read once where nothing is unusual, and refused as if it were always read twice."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_service_kit import edge
from attune_service_kit.edge import DEEPEST, Malformed

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
            edge._checked(text.encode(), "application/json")
    else:
        assert edge._checked(text.encode(), "application/json") == expected


@pytest.mark.parametrize("opening", ['{"a":', "[", '[0,{"b":1},'])
@pytest.mark.parametrize("beside", ["", ',"{[:"', ',"]"'])
def test_depth_is_counted_whatever_stands_beside_it(opening: str, beside: str) -> None:
    def nested(levels: int) -> bytes:
        closing = "}" if opening.startswith("{") else "]"
        inner = opening * (levels - 1) + "[1]" + closing * (levels - 1)
        return f"[{inner}{beside}]".encode()

    assert edge._checked(nested(DEEPEST - 1), "application/json")
    with pytest.raises(Malformed):
        edge._checked(nested(DEEPEST), "application/json")
