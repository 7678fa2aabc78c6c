"""The sentence, what held with which values, and the nearest change: which really flips the condition."""

from datetime import date
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_expressions.condition import parse
from attune_expressions.explaining import explain
from attune_expressions.flips import _changed, nearest_change
from attune_expressions.one_row import compiled

from .generated import CATALOGUE, condition, rows

ROW = dict.fromkeys((field.source for field in CATALOGUE.fields.values()), None) | {"tags": ["vip"]}


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("amount > 1.1 * mean", "金额 大于 (1.1 × 均值)", "Amount is more than (1.1 × Mean)"),
        ("amount >= 50000.50 and age between 18 and 65", "金额 不低于 50000.50，且年龄在 18 至 65 之间",
         "Amount is at least 50000.50, and Age is from 18 to 65"),
        ("vip and (age < 3 or not active)", "贵宾：是，且(年龄 小于 3，或活跃：否)",
         "VIP: yes, and (Age is less than 3, or Active: no)"),
        ("not (vip and age > 3)", "贵宾：否，或年龄 不高于 3", "VIP: no, or Age is at most 3"),
        ("code in ('a', 'b') and branch not like 'B%'", "代码为 “a”、“b” 之一，且机构不以“B”开头",
         "Code is one of “a”, “b”, and Branch does not start with “B”"),
        ("opened + interval 1 month > '2024-02-29'", "(开户日 + 1 个月) 晚于 2024-02-29",
         "(Opened + 1 months) is after 2024-02-29"),
        ("age is not null and not has_tag('x')", "年龄已知，且没有标签“x”",
         "Age is known, and does not have the tag “x”"),
        ("share / 3 > 0.1", "(占比 ÷ 3) 大于 0.1", "(Share ÷ 3) is more than 0.1"),
    ],
)  # fmt: skip
def test_the_sentence(text: str, zh: str, en: str) -> None:
    asked = parse(text, CATALOGUE)
    assert (explain(asked, "zh").sentence, explain(asked, "en").sentence) == (zh, en)
    assert explain(asked, "en").matched is None


def test_of_a_row_what_held_with_which_values_and_the_nearest_change() -> None:
    asked = parse("amount >= 50000.50 and age between 18 and 65 and not has_tag('x')", CATALOGUE)
    found = explain(asked, "en", {**ROW, "amount_minor": 5_000_049, "age": 30})
    assert found.matched is False
    assert [(part.held, part.values) for part in found.parts] == [
        (False, {"Amount": "50000.49"}),
        (True, {"Age": "30"}),
        (True, {"Tags": "vip"}),
    ]
    assert found.change == "Amount were 50000.50 (now 50000.49)"
    assert explain(asked, "zh", {**ROW, "amount_minor": 5_000_050, "age": 17}).change == "年龄为 18（现为 17）"
    matched = explain(asked, "en", {**ROW, "amount_minor": 9_000_000, "age": 64})
    assert (matched.matched, matched.change) == (True, "Age were 66 (now 64)")
    assert explain(asked, "zh", {**ROW, "age": 17}).parts[0].held is None
    assert explain(asked, "zh", {**ROW, "age": 17}).change == "金额为 50000.50（现为 未知），且年龄为 18（现为 17）"


@pytest.mark.parametrize(
    ("text", "values", "change"),
    [
        ("amount > 1.1 * mean", {"amount_minor": 11_000, "mean_minor": 10_000}, "Amount were 110.01 (now 110.00)"),
        ("age % 7 = 0 and age > 3", {"age": 6}, "Age were 7 (now 6)"),
        ("vip", {"vip": False}, "VIP were yes (now no)"),
        ("code = 'a'", {"code": "b"}, "Code were “a” (now “b”)"),
        ("code <> 'a'", {"code": "a"}, "Code were something else (now “a”)"),
        ("code like 'B%'", {"code": "b"}, "Code were “B” (now “b”)"),
        ("has_tag('x')", {}, "has the tag “x”"),
        ("opened < '2024-02-29'", {"opened": date(2024, 3, 1)}, "Opened were 2024-02-28 (now 2024-03-01)"),
        ("share > 0.5", {"share": 0.5}, "Share were 0.5001 (now 0.5)"),
        ("age > 3 or (vip and active)", {"age": 1, "vip": False, "active": False}, "Age were 4 (now 1)"),
        ("age is null", {"age": 3}, "Age were not known (now 3)"),
        ("age > 3 and age < 2", {"age": 3}, None),
        ("true", {}, None),
    ],
)
def test_the_nearest_change(text: str, values: dict[str, object], change: str | None) -> None:
    assert explain(parse(text, CATALOGUE), "en", {**ROW, **values}).change == change


@given(random=st.randoms(use_true_random=True), seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_change_that_is_named_flips_the_condition(random: Random, seed: int) -> None:
    for row in rows(seed, 4):
        asked = condition(random)
        match = compiled(asked)
        changes = nearest_change(asked, row)
        if changes is not None:
            assert match(_changed(row, changes)) is not match(row), asked.text
        for language in ("zh", "en"):
            found = explain(asked, language, row)
            assert found.sentence
            assert found.matched is match(row)
            assert (found.change is None) == (changes is None)
