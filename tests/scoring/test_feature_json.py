"""Values read from a body's bytes are those that the layers read, to the bit, and no other body's are."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_service_kit.edge import checked
from attune_service_kit.errors import Refusal
from scoring.feature_json import _ORDERS, Bodies, asked
from scoring.feature_specs import FeatureSpec, specs_of
from scoring.feature_values import matrix, rows_of
from scoring.features import Floats

MODEL = "propensity-test"
# A feature may have any name, a keyword's too, or one that looks like what stands around it.
WANTED = ("holds_wealth", "demand_balance_minor", "age", "digital_share_90d")
SPECS = (*specs_of(WANTED), FeatureSpec(name="class", nullable=False), FeatureSpec(name="model"))
NAMES = [spec.name for spec in SPECS]
ROW = {
    "holds_wealth": True,
    "demand_balance_minor": 8_600_000,
    "age": None,
    "digital_share_90d": 0.25,
    "class": 1,
    "model": -2.5e-3,
}
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
FITTING = st.fixed_dictionaries(
    {
        "holds_wealth": st.booleans() | st.none(),
        "demand_balance_minor": st.integers(-(2**63), 2**63 - 1) | st.none(),
        "age": st.integers(-(2**31), 2**31 - 1) | st.none(),
        "digital_share_90d": NUMBERS | st.floats(-3e38, 3e38) | st.none(),
        "class": NUMBERS,
        "model": NUMBERS | st.none(),
    }
)
VALUES = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from(["45", [1], {}, 2**31])
)
PIECES = st.sampled_from([
    b"", b" ", b"\n", b"-", b"-0", b"0", b"00", b"1.0", b"1e2", b"1E-400", b"1e400", b"NaN", b"null", b"true", b'"',
    b",", b":", b"{", b"}", b"[", b"]", b"\xff", b"\xef\xbb\xbf", b"\\u0061", b'"age":1,', b'"model":"x",', b"\x00",
    b"9223372036854775808", b"1.00000005960464477539", b"2147483648", b'"rows":[', b"3.4028235677973366e38",
])  # fmt: skip


BODIES = Bodies(MODEL, SPECS)


def read(body: bytes) -> Floats | None:
    """What the short way makes of a body."""
    told = asked(body)
    return None if told is None or told.model != MODEL else BODIES.read(body, told)


def by_the_layers(body: bytes) -> Floats | None:
    """What the layers make of a body that asks nothing more."""
    try:
        told = checked(body, "application/json")
    except Refusal:
        return None
    if not isinstance(told, dict) or told.get("model") != MODEL or len(told) != 2:
        return None
    rows, columns = told.get("rows"), told.get("columns")
    if isinstance(columns, dict) and columns and all(isinstance(told, list) for told in columns.values()):
        rows = rows_of(columns)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return None
    values = matrix(SPECS, rows)
    return None if isinstance(values, list) else values


def body_of(rows: list[dict[str, Any]], *, columns: bool = False, last: bool = False, **how: Any) -> bytes:
    """A request for these rows; `last`: the model is named behind them."""
    values = {"columns": {n: [row[n] for row in rows] for n in rows[0]}} if columns else {"rows": rows}
    told = {**values, "model": MODEL} if last else {"model": MODEL, **values}
    return json.dumps(told, **how).encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(FITTING, min_size=1, max_size=4), st.permutations(NAMES), st.booleans(), st.sampled_from([None, 2]))
def test_a_body_without_a_fault_is_read_to_the_same_bits(
    rows: list[dict[str, Any]], order: list[str], last: bool, indent: int | None
) -> None:
    written = [{name: row[name] for name in order} for row in rows]
    expected = matrix(SPECS, rows)
    assert not isinstance(expected, list)
    for columns in (False, True):
        found = read(body_of(written, columns=columns, last=last, indent=indent))
        assert found is not None
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()


@settings(max_examples=300, deadline=None)
@given(st.lists(FITTING, max_size=2), FITTING, st.sampled_from([*NAMES, "tenure_days"]), VALUES, st.booleans())
def test_a_fault_is_left_to_the_layers(
    others: list[dict[str, Any]], row: dict[str, Any], name: str, value: Any, without: bool
) -> None:
    changed = {n: v for n, v in row.items() if n != name} if without else row | {name: value}
    assert agrees(body_of([*others, changed]))
    assert changed.keys() != row.keys() or agrees(body_of([*others, changed], columns=True))


@settings(max_examples=500, deadline=None)
@given(
    FITTING, st.booleans(), st.booleans(), st.integers(0, 400), st.integers(0, 12), st.lists(PIECES, max_size=2)
)  # fmt: skip
def test_no_text_is_read_that_the_layers_refuse(
    row: dict[str, Any], columns: bool, last: bool, at: int, gone: int, put: list[bytes]
) -> None:
    body = body_of([row, row], columns=columns, last=last)
    at %= len(body)
    assert agrees(body[:at] + b"".join(put) + body[at + gone :])


def agrees(body: bytes) -> bool:
    """Whether what is read at once, if anything is, is what the layers read."""
    if (found := read(body)) is None:
        return True
    expected = by_the_layers(body)
    return expected is not None and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"age":', b'"age":1,"age":'),
        (b'"model":"', b'"model":"propensity-test","model":"'),
        (b'"age":', b'"\\u0061ge":1,"age":'),
        (b'"class":', b'"class":null,"tenure_days":'),
        (b"propensity-test", b"propensity-tess"),
        (b'{"model":', b'{"reasons":1,"model":'),
    ],
)
def test_names_that_come_twice_or_are_others_are_left_to_the_layers(old: bytes, new: bytes, columns: bool) -> None:
    body = orjson.dumps(json.loads(body_of([ROW], columns=columns)))
    assert read(body) is not None
    assert read(body.replace(old, new, 1)) is None


@pytest.mark.parametrize(
    "told",
    [
        {"model": MODEL, "rows": []},
        {"model": MODEL, "rows": [{}]},
        {"model": MODEL, "columns": {}},
        {"model": MODEL, "columns": {name: [] for name in NAMES}},
        {"model": MODEL, "columns": {name: [1] * (1 + (name == "class")) for name in NAMES}},
        {"model": MODEL},
        {},
    ],
)
def test_what_has_no_rows_is_left_to_the_layers(told: dict[str, Any]) -> None:
    assert read(orjson.dumps(told)) is None


def test_rows_that_are_written_unlike_or_in_many_orders_are_read_too() -> None:
    bodies, expected = Bodies(MODEL, SPECS), matrix(SPECS, [ROW, ROW])
    assert not isinstance(expected, list)
    for turn in range(2 * _ORDERS):
        shift = turn % len(NAMES)
        order = [*NAMES[shift:], *NAMES[:shift]] if turn < len(NAMES) else [*NAMES[:shift][::-1], *NAMES[shift:]]
        body = body_of([{name: ROW[name] for name in order}, ROW])
        told = asked(body)
        assert told is not None
        found = bodies.read(body, told)
        assert found is not None
        assert found.tobytes() == expected.tobytes()
    assert len(bodies._rows) == _ORDERS
