"""What is read, what it becomes, and what is refused: at which place, with which code, in both languages."""

import re
from datetime import date
from pathlib import Path

import pytest

from attune_contracts.features import CATALOGUE as FEATURES
from attune_expressions import reference
from attune_expressions.catalogue import standard
from attune_expressions.condition import BadParameter, parse
from attune_expressions.fields import Field
from attune_expressions.one_row import compiled, compiled_value
from attune_expressions.refusals import Position, Refused
from attune_expressions.sql import Unbound, duckdb_sql

from .generated import CATALOGUE

ROW = dict.fromkeys((field.source for field in CATALOGUE.fields.values()), None) | {"tags": ["vip"]}


def holds(text: str, **values: object) -> bool | None:
    """What a condition is of a row with these values and NULL elsewhere."""
    return compiled_value(parse(text, CATALOGUE))({**ROW, **values})


def refused(text: str) -> Refused:
    """Why a text is refused."""
    with pytest.raises(Refused) as found:
        parse(text, CATALOGUE)
    assert found.value.en
    assert found.value.zh
    return found.value


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("amount > 50000.50", {"amount_minor": 5_000_051}, True),
        ("amount > 50000.50", {"amount_minor": 5_000_050}, False),
        ("amount >= 1.1 * mean", {"amount_minor": 11_000, "mean_minor": 10_000}, True),  # doubles say false
        ("amount > 0", {"amount_minor": 1}, True),
        ("amount > case when vip then 50000 else 100000 end", {"amount_minor": 6_000_000, "vip": True}, True),
        ("amount / mean > 1.5", {"amount_minor": 5, "mean_minor": 0}, None),
        ("share / 3 < 0.04", {"share": 0.1}, True),
        ("age % 7 = -3", {"age": -3}, True),
        ("round(ratio) = 3", {"ratio": 2.5}, True),
        ("round(-ratio) = -3", {"ratio": 2.5}, True),
        ("round(amount) = 4", {"amount_minor": 350}, True),
        ("round(amount / 3, 2) = 1.17", {"amount_minor": 350}, True),
        ("code like 'a!_b' escape '!'", {"code": "a_b"}, True),
        ("code like 'a!_b' escape '!'", {"code": "axb"}, False),
        ("code not like 'a%'", {"code": "b"}, True),
        ("code not like 'a%'", {}, None),
        ("length(code) = 2", {"code": "中文"}, True),
        ("code < 'a'", {"code": "Z"}, True),
        ("opened = '2024-02-29'", {"opened": date(2024, 2, 29)}, True),
        ("opened + interval 1 month = '2024-02-29'", {"opened": date(2024, 1, 31)}, True),
        ("has_tag('vip') and not has_tag('VIP')", {}, True),
        ("vip or age > 3", {"vip": True}, True),
        ("vip and age > 3", {"vip": False}, False),
        ("vip and age > 3", {"vip": True}, None),
        ("not (age > 3)", {}, None),
        ("age is null and (vip is not true)", {}, True),
        ("AGE BETWEEN 18 AND 65", {"age": 65}, True),
        ("greatest(age, postings) = 4", {"age": 4}, True),
        ("coalesce(age, 7) = 7", {}, True),
    ],
)
def test_what_a_condition_says(text: str, values: dict[str, object], expected: bool | None) -> None:
    assert holds(text, **values) is expected
    assert compiled(parse(text, CATALOGUE))({**ROW, **values}) is (expected is True)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("blance > 3", "unknown_field", 1, 1),
        ("age > 1\n and blance > 3", "unknown_field", 2, 6),
        ("age > 1 nad vip", "unknown_field", 1, 9),
        ("lenght(code) = 3", "unknown_function", 1, 1),
        ("age > :limit", "unknown_parameter", 1, 8),
        ("age = NULL", "null_compared", 1, 7),
        ("NULL <> age", "null_compared", 1, 9),
        ("age in (1, NULL)", "null_in_list", 1, 1),
        ("age in ()", "empty_list", 1, 9),
        ("age in (1, postings)", "list_form", 1, 12),
        ("amount > age", "unit_mismatch", 1, 1),
        ("amount * mean > 3", "unit_mismatch", 1, 1),
        ("age > 3 and age / mean > 1", "unit_mismatch", 1, 13),
        ("age > 'x'", "type_mismatch", 1, 1),
        ("vip > active", "type_mismatch", 1, 1),
        ("opened > seen", "type_mismatch", 1, 1),
        ("opened - due > 3", "type_mismatch", 1, 1),
        ("age + 1", "type_mismatch", 1, 1),
        ("opened + 0.5 > due", "type_mismatch", 1, 1),
        ("seen + interval 1 month > seen", "interval_form", 1, 1),
        ("opened > '2024-02-30'", "date_form", 1, 1),
        ("age / 0 > 1", "zero_divisor", 1, 1),
        ("age / (1 - 1) > 1", "zero_divisor", 1, 1),
        ("1 < age < 3", "chained", 1, 1),
        ("age = postings = 3", "chained", 1, 1),
        ("age > 3 in (4)", "chained", 1, 7),
        ("age between 1 and 3 = vip", "chained", 1, 1),
        ("vip = not active", "chained", 1, 11),
        ("big * big > 3", "too_large", 1, 1),
        ("age + 1 > big * 1000000000", "too_large", 1, 11),
        ("opened + big > due", "too_large", 1, 1),
        ("code like 'a\\_b'", "like_form", 1, 1),
        ("code like 'a' escape '%'", "like_form", 1, 1),
        ("code like branch", "like_form", 1, 1),
        ("current_date > opened", "clock", 1, 1),
        ("now() > seen", "clock", 1, 1),
        ("vip or round(age, 7) > 1", "arguments", 1, 8),
        ("coalesce(age) > 1", "arguments", 1, 1),
        ("1 < round(round(ratio))", "not_admitted", 1, 5),
        ("(age > 1", "unbalanced", 1, 1),
        ("age > 1)", "unbalanced", 1, 8),
        ("case when vip then 1 > 2", "unbalanced", 1, 1),
        ("code = 'a", "open_quote", 1, 8),
        ("   ", "empty", 1, 1),
        ("age > 1.2345678901", "number_form", 1, 7),
        ("age > 1234567890123456", "number_form", 1, 7),
    ],
)
def test_what_is_refused_and_where(text: str, code: str, line: int, column: int) -> None:
    found = refused(text)
    assert (found.code, found.at) == (code, Position(line, column)), found


@pytest.mark.parametrize(
    ("text", "near"),
    [("ammount > 3", "amount"), ("age > 1 nad vip", "AND"), ("age > 1 ro vip", "OR"), ("lenght(code) = 1", "length"),
     ("vip adn active", "AND"), ("code lke 'a'", "LIKE"), ("now() > seen", None),
     ('code = "salary"', "'salary'"), ("code <> salary", "'salary'"), ("code in (salary, 'b')", "'salary'"),
     ('"ammount" > 3', "amount"), ("age > wrongly", None), ("seconds > 3", None)],
)  # fmt: skip
def test_the_nearest_name_is_named(text: str, near: str | None) -> None:
    assert refused(text).near == near


def test_money_meets_money_only_and_zero_anything() -> None:
    assert holds("amount > 0 and age > 0 and share > 0", amount_minor=1, age=1, share=1.0)
    assert refused("amount > age").zh == "金额只能与金额一起使用"


def test_a_currency_without_decimals() -> None:
    yen = standard(digits=0)
    assert "> CAST(50000 AS BIGINT)" in duckdb_sql(parse("aum > 50000", yen))


def test_what_a_condition_reads() -> None:
    catalogue = standard()
    found = parse("holds_wealth and aum > 5 and aum > 3 and tenure_days > 3", catalogue)
    assert [field.name for field in found.fields] == ["holds_wealth", "aum", "tenure_days"]
    assert found.level == "C2"
    assert parse("holds_wealth", catalogue).level == "C1"
    assert parse("true", catalogue).level == "C1"
    assert [field.column for field in found.fields] == ["holds_wealth", "aum_minor", "tenure_days"]


def test_parameters_are_declared_typed_and_bound_once() -> None:
    declared = {"limit": Field("limit", "money", "下限", "Limit", largest=10_000_000)}
    asked = parse("amount > 1.1 * :limit", CATALOGUE, declared)
    assert asked.parameters == ("limit",)
    for engine in (compiled, duckdb_sql):
        with pytest.raises(Unbound):
            engine(asked)
    bound = asked.bind({"limit": 1000})
    assert compiled(bound)({**ROW, "amount_minor": 1101})
    assert not compiled(bound)({**ROW, "amount_minor": 1100})
    for bad in ({}, {"limit": 10_000_001}, {"limit": "x"}, {"limit": True}, {"limit": 1, "more": 2}):
        with pytest.raises(BadParameter):
            asked.bind(bad)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        parse("amount > :limit and age > :limit", CATALOGUE, declared)


def test_five_hundred_terms_are_one_level_deep() -> None:
    assert holds(" or ".join(f"age={i}" for i in range(300)), age=299)
    assert refused("age > " + "+".join("1" for _ in range(60))).code == "too_deep"


def test_every_feature_is_a_field_and_money_is_called_without_its_unit() -> None:
    catalogue = standard()
    by_column = {field.source: field for field in catalogue.fields.values()}
    assert FEATURES.keys() <= by_column.keys()
    for feature in FEATURES.values():
        field = by_column[feature.name]
        assert (field.zh, field.en, field.level) == (feature.zh, feature.en, feature.level)
        assert (field.type == "money") == (feature.unit == "minor")
        assert field.freshness
        assert field.owner
        assert field.purpose
        asked = f"{field.name} is not null" if field.type != "tags" else "has_tag('x')"
        assert parse(asked, catalogue).fields == (field,)


def test_every_code_of_a_refusal_is_on_the_reference_page() -> None:
    folder = Path(reference.__file__).parent
    found = {
        code
        for path in folder.glob("*.py")
        for code in re.findall(r"(?:Refused|Unfit)\(\s*\"([a-z_]+)\"", path.read_text("utf-8"))
    }
    assert found == reference.CODES.keys()
