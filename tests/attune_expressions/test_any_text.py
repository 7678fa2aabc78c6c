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


def read(text: str) -> Condition | None:
    """The condition, run by everything; None if it is refused."""
    try:
        asked = parse(text, CATALOGUE)
    except Refused:
        return None
    true, null = values(asked, COLUMNS, len(TABLE))
    found = [None if empty else bool(is_true) for is_true, empty in zip(true, null, strict=True)]
    value = compiled_value(asked)
    assert [value(row) for row in TABLE] == found, text
    for write in (duckdb_sql, postgresql_sql, spark_sql):
        assert write(asked)
    assert explain(asked, "zh").sentence
    return asked


@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=14))
@settings(max_examples=100, **FEW)
def test_any_words_are_a_condition_or_refused(words: list[str]) -> None:
    read(" ".join(words))


@given(text=st.text(max_size=60))
@settings(max_examples=100, **FEW)
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    read(text)


@pytest.mark.slow
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=14))
@settings(max_examples=20_000, **FEW)
def test_twenty_thousand_rows_of_words_are_conditions_or_refused(words: list[str]) -> None:
    read(" ".join(words))
