"""Any text is a condition or refused, never anything else; and what is admitted means the same everywhere."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_expressions.condition import Condition, parse
from attune_expressions.explaining import explain
from attune_expressions.many_rows import column, values
from attune_expressions.one_row import compiled_value
from attune_expressions.refusals import Refused
from attune_expressions.sql import duckdb_sql
from attune_expressions.sql_dialects import postgresql_sql, spark_sql

from .generated import BASES, CATALOGUE, rows

TABLE = rows(7, 4)
COLUMNS = {name: column([row[name] for row in TABLE], base) for name, base in BASES.items()}
WORDS = (
    *CATALOGUE.fields,
    "and", "or", "not", "in", "is", "null", "true", "between", "like", "escape", "case", "when", "then",
    "else", "end", "interval", "date", "timestamp", "day", "month", "coalesce", "greatest", "round", "abs",
    "length", "days_between", "has_tag", "year", "select", "from", "x", "(", "(", ")", ")", ",", "+", "-",
    "*", "/", "%", "=", "<>", "<", ">=", "!=", ":p", "0", "1", "1.5", "'a'", "'a%'", "'2024-02-29'", "''",
    '"age"', "::", ";", "--", "1e5", ".", "@",
)  # fmt: skip
FEW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def read(text: str) -> Condition | Refused:
    """The condition, or why it is none; whatever else is raised fails the test."""
    try:
        return parse(text, CATALOGUE)
    except Refused as reason:
        return reason


def sound(text: str, outcome: Condition | Refused) -> bool:
    """Whether a refusal says where and why, and whether a condition means one thing and can be written and told."""
    if isinstance(outcome, Refused):
        in_text = 1 <= outcome.at.line <= text.count("\n") + 1 and 1 <= outcome.at.column <= len(text) + 1
        return in_text and all((outcome.code, outcome.en, outcome.zh))
    true, null = values(outcome, COLUMNS, len(TABLE))
    many = [None if empty else bool(is_true) for is_true, empty in zip(true, null, strict=True)]
    value = compiled_value(outcome)
    written = [write(outcome) for write in (duckdb_sql, postgresql_sql, spark_sql)]
    return [value(row) for row in TABLE] == many and all(written) and bool(explain(outcome, "zh").sentence)


@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=14))
@settings(max_examples=100, **FEW)
def test_any_words_are_a_condition_or_refused(words: list[str]) -> None:
    text = " ".join(words)
    assert sound(text, read(text))


@given(text=st.text(max_size=60))
@settings(max_examples=100, **FEW)
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    assert sound(text, read(text))


@given(st.sampled_from(WORDS), st.sampled_from(["=", "<>", "<", ">="]), st.sampled_from(WORDS))
@settings(max_examples=100, **FEW)
def test_a_comparison_of_a_field_with_itself_is_a_condition(one: str, comparison: str, other: str) -> None:
    """Words at random seldom say anything: what is admitted is tried too."""
    field = one if BASES.get(one, "tags") not in ("bool", "tags") else "age"
    text = f"{field} {comparison} {field} and not ({field} is null)"
    outcome = read(text)
    assert isinstance(outcome, Condition)
    assert sound(text, outcome)
    text = f"{field} {comparison} {other}"
    assert sound(text, read(text))


@pytest.mark.slow
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=14))
@settings(max_examples=20_000, **FEW)
def test_twenty_thousand_rows_of_words_are_conditions_or_refused(words: list[str]) -> None:
    text = " ".join(words)
    assert sound(text, read(text))
