"""What we take from sqlglot, pinned: a new argument of a class could change a meaning in silence, so it fails here."""

from collections.abc import Iterator
from random import Random

import duckdb
import pytest
import sqlglot

from attune_expressions.admitted import ADMITTED, stranger
from attune_expressions.catalogue import Catalogue
from attune_expressions.condition import parse
from attune_expressions.fields import Field
from attune_expressions.one_row import compiled_value
from attune_expressions.refusals import Refused

from .generated import rows

# Every class with every argument that this version of sqlglot knows, those that we refuse among them.
KNOWN = {
    "Abs": "this", "Add": "expression this", "And": "expression this", "Anonymous": "expressions this",
    "Between": "high low symmetric this", "Boolean": "this", "Case": "default ifs this",
    "Cast": "action default format safe this to", "Coalesce": "expressions is_null is_nvl this",
    "Column": "catalog db join_mark shadow table this",
    "DataType": "collate expressions kind nested nullable this values", "Day": "this", "DayOfWeekIso": "this",
    "Div": "expression safe this typed", "EQ": "expression this", "Escape": "expression this",
    "GT": "expression this", "GTE": "expression this", "Greatest": "expressions ignore_nulls this",
    "Identifier": "global_ quoted temporary this", "If": "false this true",
    "In": "expressions field is_global query this unnest", "Interval": "fraction_in_string this unit",
    "Is": "expression negate this", "LT": "expression this", "LTE": "expression this",
    "Least": "expressions ignore_nulls this", "Length": "binary encoding this", "Like": "expression negate this",
    "Literal": "is_string this", "Mod": "expression this", "Month": "this", "Mul": "expression this",
    "NEQ": "expression this", "Neg": "this", "Not": "this", "Null": "", "Or": "expression this", "Paren": "this",
    "Placeholder": "jdbc kind this widget", "Round": "casts_non_integer_decimals decimals this truncate",
    "Sub": "expression this", "Var": "this", "Year": "this",
}  # fmt: skip
SMALL = Catalogue(
    {
        "age": Field("age", "int", "年龄", "Age", largest=5),
        "postings": Field("postings", "int", "笔数", "Postings", largest=5),
        "vip": Field("vip", "bool", "贵宾", "VIP"),
        "active": Field("active", "bool", "活跃", "Active"),
    }
)


def test_the_admitted_classes_have_the_arguments_that_they_had() -> None:
    assert {kind.__name__: " ".join(sorted(kind.arg_types)) for kind in ADMITTED} == KNOWN
    for kind, allowed in ADMITTED.items():
        assert allowed <= kind.arg_types.keys()


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("a BETWEEN SYMMETRIC 1 AND 2", "Between.symmetric"), ("CASE a WHEN 1 THEN 2 END", "Case.this"),
        ("t.a", "Column.table"), ("a IN (SELECT 1)", "In.query"), ("TRY_CAST(a AS DATE)", "TryCast"),
        ("a ILIKE 'x'", "ILike"), ("a ^ 2", "Pow"), ("a // 2", "IntDiv"), ("a IS DISTINCT FROM b", "NullSafeNEQ"),
        ("a >> 1", "BitwiseRightShift"), ("a b", "Alias"), ("sum(a)", "Sum"), ("a || b", "DPipe"),
        ("a COLLATE x", "Collate"),
    ],
)  # fmt: skip
def test_arguments_that_change_a_meaning_are_strangers(text: str, strange: str) -> None:
    found = sqlglot.parse(text, read="duckdb")[0]
    assert found is not None
    names = {stranger(node) for node in found.walk()}
    assert strange in names


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A table of whole numbers and truths, small enough for any order of reckoning."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TABLE facts (row INTEGER, age BIGINT, postings BIGINT, vip BOOLEAN, active BOOLEAN)")
        yield connection


def bare(random: Random) -> str:
    """A text without one parenthesis: only precedence says what it means."""
    pick = random.choice

    def value() -> str:
        operand = lambda: pick(("age", "postings", "1", "2", "3", "-age", "- -postings"))  # noqa: E731
        return (
            f" {pick(('+', '-', '*', '%'))} ".join(operand() for _ in range(pick((1, 1, 2, 3))))
            .replace("% age", "% 3")
            .replace("% postings", "% 5")
            .replace("% -age", "% 2")
            .replace("% - -postings", "% 7")
        )

    def atom() -> str:
        return pick(
            (
                lambda: f"{value()} {pick(('=', '<>', '<', '<=', '>', '>='))} {value()}",
                lambda: f"{value()} {pick(('', 'NOT '))}BETWEEN {value()} AND {value()}",
                lambda: f"{value()} {pick(('', 'NOT '))}IN (1, 2, 3)",
                lambda: f"{value()} IS {pick(('', 'NOT '))}NULL",
                lambda: f"{pick(('vip', 'active'))} IS {pick(('', 'NOT '))}{pick(('TRUE', 'FALSE', 'NULL'))}",
                lambda: pick(("vip", "active")),
                lambda: f"vip {pick(('=', '<>'))} active",
            )
        )()

    terms = [pick(("", "", "NOT ", "NOT NOT ")) + atom() for _ in range(pick((1, 2, 3, 4, 6)))]
    text = terms[0]
    for term in terms[1:]:
        text += pick((" AND ", " OR ")) + term
    return text


def read_alike(con: duckdb.DuckDBPyConnection, random: Random, count: int) -> int:
    """Texts as DuckDB's own parser reads them and as we do; how many were admitted."""
    table = rows(random.randrange(2**32), 20)
    for row in table:
        row["age"] = row["age"] and row["age"] % 5
        row["postings"] = row["postings"] and row["postings"] % 4
    con.execute("DELETE FROM facts")
    values = [[i, row["age"], row["postings"], row["vip"], row["active"]] for i, row in enumerate(table)]
    con.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", values)
    texts, asked = [], []
    for _ in range(count):
        text = bare(random)
        try:
            asked.append(compiled_value(parse(text, SMALL)))
        except Refused:  # a divisor of 0, a chain: how many are left is what the tests count
            continue
        texts.append(text)
    for start in range(0, len(texts), 20):
        answers = con.execute(f"SELECT {', '.join(texts[start : start + 20])} FROM facts ORDER BY row").fetchall()
        for text, value, found in zip(texts[start:], asked[start:], zip(*answers, strict=True), strict=False):
            assert list(found) == [value(row) for row in table], text
    return len(texts)


def test_precedence_is_duckdbs_own(con: duckdb.DuckDBPyConnection) -> None:
    assert read_alike(con, Random(20261125), 300) > 200


@pytest.mark.slow
def test_precedence_is_duckdbs_own_on_four_thousand(con: duckdb.DuckDBPyConnection) -> None:
    assert sum(read_alike(con, Random(seed), 200) for seed in range(25)) > 4_000
