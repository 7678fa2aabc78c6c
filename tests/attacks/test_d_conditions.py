"""D31 to D33: texts that would be something else than a condition. Each is refused at its place, in bounded work."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from attune_expressions.catalogue import standard
from attune_expressions.condition import parse
from attune_expressions.likes import matcher, read_pattern
from attune_expressions.one_row import compiled_value
from attune_expressions.refusals import Refused

FIELDS = standard()
# Calls of Python functions that reading 4 KB may cost at most: no count depends on the machine.
WORK = 400_000
# As what a text is refused that would be something else than a condition: by its form, or as no name that there is.
NO_FORM_OF_OURS = {
    "bad_character", "bad_token", "chained", "comment", "empty_list", "interval_form", "not_admitted", "number_form",
    "unary_plus", "unknown_field", "unknown_function",
}  # fmt: skip


class TooMuchWork(Exception):
    """Reading went on and on."""


@contextmanager
def bounded() -> Iterator[None]:
    """Fails where more is called than a text of 4 KB is worth."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"
        if calls > WORK:
            sys.setprofile(None)
            raise TooMuchWork

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


def refused(text: str) -> Refused:
    """Why a text is refused, in bounded work; the reason has a place, and words in both languages."""
    with bounded(), pytest.raises(Refused) as found:
        parse(text, FIELDS)
    reason = found.value
    assert 1 <= reason.at.line <= text.count("\n") + 1
    assert 1 <= reason.at.column <= len(text) + 1
    assert reason.en
    assert reason.zh
    return reason


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "__import__('os').system('id')", "age.__class__ = 1", "().__class__", "lambda: age",
        "lambda x: x > 1", "'{0.__class__}'.format(age) = 'x'", "eval('1')", "exec('1')", "open('/etc/passwd') = 'x'",
        "age > 1; DROP TABLE offer", "age > (SELECT 1)", "(SELECT age)", "age in (select 1)", "exists (select 1)",
        "age > 1 union select 1", "pg_sleep(9) is null", "read_csv('/etc/passwd') is null", "nextval('x') = 1",
        "age := 1", "$1 = 1", "age > ?", "{{7*7}} = 49", "${7*7} = 49", "age > 1 -- and more", "age /* x */ > 1",
        "age > 1 # x", "@age > 1", "age >> 1 = 1", "age << 1 = 1", "age > > 1", "age ^ 2 = 4", "age ** 2 = 4",
        "~age = 1",
        "age | 1 = 1", "age & 1 = 1", "cast(age as text) = '1'", "age::text = '1'",
        "try_cast(age as int) = 1", "age -> 'x' = 1",
        "x => 1", "age[1] = 1", "[1] = [1]", "{'a': 1} = 1", "age > 0x1F", "age > 1abc", "age > 1e5", "age > 1_000",
        "age > .5", "age > 5.", "age > +1", "age NOT IS NULL", "age IS DISTINCT FROM 1", "age = ANY (1)",
        "age ILIKE 'x'",
        "value_quadrant ~ 'x'", "value_quadrant SIMILAR TO 'x'", "value_quadrant GLOB 'x'",
        "value_quadrant || 'x' = 'x'",
        "upper(value_quadrant) = 'A'", "age > 1 LIMIT 1", "age OVER ()", "sum(age) > 1", "count(*) > 1",
        "age > 1 AS x",
        "age x", "customer.age > 1", "E'a' = 'a'", "x'41' = 'A'", "b'1' = '1'", "'a' 'b' = 'ab'",
        "case age when 1 then true end",
        "age between symmetric 1 and 2", "interval 1 day > 1", "as_of + interval 1 day + interval 1 hour > as_of",
        "as_of at time zone 'UTC' > as_of", "extract(year from as_of) = 1", "random() > 1", "*", "age > *",
        "age == 1", "!vip",
        "if(age > 1, true, false)", "ifnull(age, 1) = 1", "age in (1) in (2)", "age is null is null",
        "\"age\".\"x\" = 1",
    ],
)  # fmt: skip
def test_d31_what_is_no_condition_has_no_node(text: str) -> None:
    assert refused(text).code in NO_FORM_OF_OURS


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("age > 1" + " || age" * 20_000, "too_long"),
        ("(" * 500 + "age > 1" + ")" * 500, "too_deep"),
        ("(" * 5_000 + ")" * 5_000, "too_long"),
        ("NOT " * 1_000 + "holds_wealth", "too_deep"),
        ("age > " + "- " * 1_000 + "1", "too_deep"),
        ("age > 1 and not - " * 200 + "1 > 1", None),
        ("case when " * 150 + "true" + " then true end" * 150, "too_deep"),
        ("abs(" * 300 + "age" + ")" * 300 + " > 1", "too_deep"),
        ("holds_wealth and " * 240 + "true = ", "syntax"),
        ("a" * 4_096, "unknown_field"),
        ("'" * 4_095, "open_quote"),
        ("age > " + "1+" * 2_000 + "1", "too_many_tokens"),
        ("age > " + "1+" * 500 + "1", "too_deep"),
        ("age = " * 500 + "1", "chained"),
        ("age is null" + " is null" * 400, "chained"),
        ("age in (" + ",".join("1" * 15 for _ in range(250)) + ", NULL)", "null_in_list"),
        ("age > 1 and\n" * 250 + "age >", "syntax"),
        ("case " + "when true then 1 " * 200 + "end", "type_mismatch"),
        ("中" * 1_366 + " = 1", "too_long"),
    ],
)
def test_d32_length_and_depth_are_counted_before_anything_descends(text: str, code: str | None) -> None:
    reason = refused(text)
    assert code is None or reason.code == code, reason


def test_d33_no_regex_no_error_at_run_time() -> None:
    with bounded():
        match = matcher(read_pattern("%" + "a%" * 20 + "b", None))
        assert not match("a" * 400)
    rows = {"age": None, "tenure_days": 0, "aum_minor": 10**13, "digital_share_90d": 0.0}
    for text, expected in (
        ("age / tenure_days > 1", None),
        ("5 / tenure_days > 1", None),
        ("aum / aum / digital_share_90d > 1", None),
        ("age > 3", None),
        ("not (age > 3)", None),
        ("aum * 10000 > 0", True),
    ):
        assert compiled_value(parse(text, FIELDS))(rows) is expected, text
    for text, code in (
        ("age / 0 > 1", "zero_divisor"),
        ("aum * 1000000 > 0", "too_large"),
        ("age = NULL", "null_compared"),
        ("unknown_thing = 1", "unknown_field"),
        ("regexp_matches(value_quadrant, '(a+)+$')", "unknown_function"),
    ):
        assert refused(text).code == code, text


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("age ＞ 1", ">"), ("（age > 1)", "("), ("age ≥ 1", ">="), ("age ＝ 1", "="), ("value_quadrant = ‘A’", "'"),
        ("age in (1，2)", ","), ("age > 1\u3000", " "), ("age\u00a0> 1", " "), ("аge > 1", None), ("age > １", None),
        ("age >\u200b 1", None), ("age\u202e > 1", None), ("age > 1\ufeff", None), ("age\u0000 > 1", None),
        ("value_quadrant = '\x00'", None), ("value_quadrant = '\ud800'", None), ("ａｇｅ > 1", None),
        ("age > 1\x1b", None),
        ("age\u2028> 1", None), ("年龄 > 1", None), ("\"agе\" > 1", "age"),
    ],
)  # fmt: skip
def test_d31_characters_that_look_like_others(text: str, near: str | None) -> None:
    reason = refused(text)
    assert reason.code == ("unknown_field" if text.startswith('"') else "bad_character")
    assert reason.near == near
