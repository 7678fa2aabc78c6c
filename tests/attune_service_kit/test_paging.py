"""Cursors come back as they went out, and only to the caller and filter they were made for."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from attune_service_kit.paging import InvalidCursor, decode_cursor, encode_cursor, page

KEY = SecretStr("u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd")
VALUES = st.lists(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.uuids(),
        st.dates(),
        st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=4,
)


@given(VALUES)
def test_values_survive_with_their_types(values: list[Any]) -> None:
    again = decode_cursor(KEY, encode_cursor(KEY, values, bound_to=("teller-1", "open")), bound_to=("teller-1", "open"))
    assert again == values
    assert [type(value) for value in again] == [type(value) for value in values]


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(KEY, text)


@pytest.mark.parametrize("bound_to", [(), ("teller-2", "open"), ("teller-1", "closed"), ("teller-1open",)])
def test_a_cursor_of_another_caller_or_filter_is_refused(bound_to: tuple[str, ...]) -> None:
    cursor = encode_cursor(KEY, [date(2026, 3, 17), UUID(int=7)], bound_to=("teller-1", "open"))
    with pytest.raises(InvalidCursor):
        decode_cursor(KEY, cursor, bound_to=bound_to)


def test_a_cursor_of_another_key_or_with_a_changed_byte_is_refused() -> None:
    cursor = encode_cursor(KEY, [datetime(2026, 3, 17, tzinfo=UTC)])
    with pytest.raises(InvalidCursor):
        decode_cursor(SecretStr("another key, just as long as it must be"), cursor)
    for position in range(0, len(cursor) - 1, 7):
        changed = "A" if cursor[position] != "A" else "B"
        with pytest.raises(InvalidCursor):
            decode_cursor(KEY, cursor[:position] + changed + cursor[position + 1 :])


def test_pages_end_without_a_cursor() -> None:
    first = page([1, 2, 3], 2, KEY, lambda item: [item])
    assert first.items == [1, 2]
    assert first.next_cursor is not None
    assert decode_cursor(KEY, first.next_cursor) == [2]
    assert page([3], 2, KEY, lambda item: [item]).next_cursor is None
