"""E40 to E42, G and H64: what a body may say, read by the one class that every body is."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from attune_service_kit.bodies import Body, FreeText, TimeOfDay
from attune_service_kit.texts import same
from eventing.api.ledger import Amount


class Said(Body):
    """One field of each kind."""

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    note: FreeText | None = None
    amount: Amount | None = None
    count: Annotated[int, Field(ge=0, le=10**6)] | None = None
    yes: bool | None = None
    day: date | None = None
    at: datetime | None = None
    opens: TimeOfDay | None = None


def refused(field: str, value: Any) -> bool:
    try:
        Said.model_validate({field: value})
    except ValidationError:
        return True
    return False


def read(field: str, value: Any) -> Any:
    return getattr(Said.model_validate({field: value}), field)


def test_e40_an_amount_is_a_decimal_text_and_never_a_float() -> None:
    for value in (0.1 + 0.2, 1, -0.0, "-0.00", "-0", "1e-400", "0.30000000000000004", "-1.00", True):
        assert refused("amount", value), value
    assert read("amount", "0.30") == "0.30"


@pytest.mark.parametrize(
    "value",
    ["1e1000000", "1" * 60, "NaN", "Infinity", "0x10", "1_000", "１２", " 5 ", "+5.00", "5.", ".5", "", "1,000.00"],
)
def test_e41_numbers_in_disguise(value: str) -> None:
    assert refused("amount", value)


def test_e42_numbers_too_large_and_texts_for_numbers() -> None:
    for value in (2**63, 2**53 + 1, 10**5000, 1.5, 1.0, "1", "1e3", True, [1], {}):
        assert refused("count", value), value
    for value in (1, 0, "true", "yes", "on", 1.0):
        assert refused("yes", value), value


def test_g59_g60_g61_nothing_that_cannot_be_seen() -> None:
    for character in "\x00\ud800\u202e\u2066\u200b\u200d\ufeff\x07\x1b\x7f\x85\u2028\u2029\n\t":
        assert refused("name", f"王{character}芳"), repr(character)
    assert read("note", "一\u202e二\u200b\r\n三\x00") == "一二\n三"


def test_g62_twins_are_stored_alike_and_found_alike() -> None:
    assert read("name", "Nguye\u0302\u0303n") == read("name", "Nguy\u1ec5n") == "Nguy\u1ec5n"
    assert same("ＷＡＮＧ  Fang") == same("wang fang")
    assert same("ﬁne") == same("FINE")
    assert same("Ivаn") != same("Ivan"), "a Cyrillic а is another letter"


def test_g63_lengths_count_code_points_after_composing() -> None:
    assert read("name", "e\u0301" * 100) == "é" * 100
    for value in ("", "   ", "\u3000", "x" * 101, "e" + "\u0301" * 10_000):
        assert refused("name", value), value[:10]


def test_h64_days_and_moments_as_iso_8601_writes_them() -> None:
    for value in ("2026-03-17T06:05:11", 1_789_000_000, "1789000000", "2026-03-17T24:00:00Z", "2026-03-17T06:05:60Z"):
        assert refused("at", value), value
    for value in ("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "1899-12-31T00:00:00Z"):
        assert refused("at", value), value
    for value in (
        "2026-02-29",
        "2026-02-30",
        "2026-13-01",
        "0000-01-01",
        "10000-01-01",
        "20260317",
        0,
        "0",
        "2026-3-7",
    ):
        assert refused("day", value), value
    assert read("at", "2026-03-17T06:05:11+08:00") == datetime(2026, 3, 16, 22, 5, 11, tzinfo=UTC)


def test_h64_an_hour_of_the_day_has_no_offset_and_the_document_says_so() -> None:
    for value in ("24:00", "12:60", "8:30", 0, "08:30Z", "08:30+08:00", "", "08"):
        assert refused("opens", value), value
    assert read("opens", "08:30") == time(8, 30)
    said = Said.model_json_schema()["properties"]["opens"]["anyOf"][0]
    assert "format" not in said
