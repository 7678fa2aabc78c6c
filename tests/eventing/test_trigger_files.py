"""A trigger file: read whole, or refused with the line, the column and the reason of every fault."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from attune_expressions.own_fields import OwnField
from attune_service_kit import value_texts
from attune_service_kit.files import yaml_texts
from eventing import trigger_files
from eventing.compiled import Compiled
from eventing.definition import SHAPES, Definition
from eventing.trigger_files import TriggerFileRefused
from eventing.trigger_schema import schema_text

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "triggers.md"
SCHEMA = PAGE.with_suffix(".schema.json")
GOOD = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
# Keys, codes and values stand in a Chinese text as they are; two words beside each other are a sentence.
ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
WHERE = "account_kind = 'demand' AND direction = 'credit' AND new_money"


def refused(text: str) -> list[tuple[int, int, str]]:
    """Line, column and reason of each fault."""
    with pytest.raises(TriggerFileRefused) as caught:
        trigger_files.read(text)
    for fault in caught.value.faults:
        assert re.search("[\u4e00-\u9fff]", fault.zh), fault
        assert not ENGLISH.search(fault.zh), fault
    return [(fault.line, fault.column, fault.en) for fault in caught.value.faults]


def test_the_example_of_the_reference_is_a_trigger() -> None:
    found = trigger_files.read(GOOD)
    assert (found.definition.trigger, found.definition.kind) == ("large-deposit", "own_history")
    assert found.content["on"] == "postings"
    assert [field.name for field in found.conditions["where"].fields] == ["account_kind", "direction", "new_money"]


PAYROLL = {"name": "payroll", "type": "bool", "zh": "代发", "en": "Payroll", "is": "kind IN ('8101', '8102')"}
BONUS = PAYROLL | {"name": "bonus", "is": "kind = '8103'"}
LINGER = PAYROLL | {"name": "lingered", "grain": "event", "is": "seconds > 60"}
A = "name: a, type: bool, zh: 甲, en: A"


def test_a_version_keeps_the_banks_own_fields_that_it_reads() -> None:
    own = tuple(OwnField.model_validate(field) for field in (PAYROLL, BONUS, LINGER))
    text = GOOD.replace("new_money", "payroll")
    found = trigger_files.read(text, own=own)
    assert found.content["fields"] == [PAYROLL]
    assert Compiled.of(Definition.model_validate(found.content)).parts[0].condition == found.conditions["where"]
    # Read again as it was kept, the file goes before the folder.
    kept = json.dumps(found.content)
    changed = (OwnField.model_validate(PAYROLL | {"is": "kind = '9'"}),)
    assert trigger_files.read(kept, own=changed).conditions == found.conditions
    assert "fields" not in trigger_files.read(GOOD, own=own).content
    with pytest.raises(TriggerFileRefused, match="unknown field lingered"):
        trigger_files.read(GOOD.replace("new_money", "lingered"), own=own)
    with pytest.raises(TriggerFileRefused, match="unknown field payrol; did you mean payroll"):
        trigger_files.read(GOOD.replace("new_money", "payrol"), own=own)


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "reason"),
    [
        ("grain:", f"fields:\n- {{{A}, is: knd = 'x'}}\ngrain:", 6, 3, "did you mean kind?"),
        ("grain:", f"fields:\n- {{{A}, is: kind, iss: x}}\ngrain:", 6, 49, "unknown key iss"),
        ("grain:", f"fields:\n- {{{A}, is: kind, grain: customer}}\ngrain:", 6, 1, "by offers"),
        ("cooldown", "cooldwn", 13, 1, "unknown key cooldwn; did you mean cooldown?"),
        ("  compare:", "  compar:", 8, 3, "unknown key compar; did you mean compare?"),
        ("6 months", "half a year", 10, 9, "a span is a number and a unit"),
        ("30 days", "30 months", 13, 11, "this span is in days"),
        ("priority: 80", "priority: 800", 15, 11, "less than or equal to 100"),
        ("compare: amount", "compare: amont", 8, 12, "'amount', 'sum' or 'count'"),
        ("trigger: large", "trigger: Large", 1, 10, "small letters, digits and -"),
        ("where: account_kind", "where: acount_kind", 6, 8, "unknown field acount_kind; did you mean account_kind?"),
        ("new_money", "age > 60", 6, 61, "age is the customer's"),
        ("new_money", "amount >> 3", 6, 68, ""),
        (f"where: {WHERE}", "where: |\n  new_money\n  AND amont > 3", 8, 7, "did you mean amount?"),
        (f"where: {WHERE}", 'where: "amont > 3"', 6, 9, "did you mean amount?"),
        (f"where: {WHERE}", "where: >\n  new_money AND\n  amont > 3", 7, 3, "did you mean amount?"),
        ("priority: 80", "priority: 80\npriority: 70", 16, 1, "'priority' stands here twice"),
        ("priority: 80", "count: {at_least: 3, within: 1 hour}", 15, 8, "exactly one shape, of own_history, count"),
        ("on: postings", "on: dates", 4, 5, "`on: dates` is for the shape calendar"),
        ("on: postings", "on: [behaviours]", 4, 5, "closing balances come from postings alone"),
        ("channels: [relationship_manager, call_centre]", "channels: [mobile, mobile]", 19, 13, "stands here once"),
        (f"where: {WHERE}", 'where: "new_money\n  AND amont > 3"', 6, 8, "did you mean amount?"),
        ("new_money", "seconds > 60", 6, 61, "seconds is known of behaviours only, and this trigger is on postings"),
        ("new_money", "due_date > '2026-01-01'", 6, 61, "due_date is known of dates only"),
        ("new_money", "business_date > now()", 6, 77, "did you mean business_date?"),
        ("title: {", "title: [", 2, 36, "no YAML"),
        ("priority: 80", "priority:\t80\n\tx: 1", 15, 10, "cannot start any token"),
        ("priority: 80", "priority: &x [*x]", 15, 11, "anchors and aliases are not admitted"),
        ("priority: 80", "priority: \x01", 15, 11, "a character that may not stand here"),
    ],
)
def test_each_fault_is_named_with_its_place(old: str, new: str, line: int, column: int, reason: str) -> None:
    assert old in GOOD
    (found,) = refused(GOOD.replace(old, new, 1))
    assert found[:2] == (line, column), found
    assert reason in found[2]


@pytest.mark.parametrize(
    ("old", "new", "zh"),
    [
        ("cooldown", "cooldwn", "未知的键 cooldwn；是否为 cooldown？"),
        ("6 months", "half a year", "时间跨度应为数字加单位，如 30 days、6 months、10 minutes"),
        ("30 days", "30 months", "此处时间跨度的单位应为 days"),
        ("30 days", "9999 days", "应在 0 至 3650 days 之间"),
        ("priority: 80", "priority: 800", "应不大于 100"),
        ("priority: 80", "priority: much", "应为整数"),
        ("compare: amount", "compare: amont", "应为 'amount'、'sum'、'count' 之一"),
        ("trigger: large", "trigger: Large", "应为小写字母、数字与 -，以字母开头，至多 64 个字符"),
        ("title: {zh: 大额入账, en: Large deposit}", "title: large", "应为键值映射"),
        ("title: {zh: 大额入账, en: Large deposit}", "title: {zh: 大额入账}", "缺少 en"),
        ("en: Large deposit", "en: [a]", "应为文本"),
        (f"where: {WHERE}", "where: ''", "文本至少 1 个字符"),
        (f"where: {WHERE}", f"where: {'x' * 5000}", "文本至多 4096 个字符"),
        ("channels: [relationship_manager, call_centre]", "channels: counter", "应为列表"),
        ("compare: amount", "compare: sum", "sum 只能与 sum 比较"),
        ("priority: 80", "count: {at_least: 3, within: 1 hour}", "应恰好给出一种形态：own_history、count"),
        ("priority: 80", "priority: 80\npriority: 70", "不是可读取的 YAML：键 priority 重复出现"),
        ("title: {", "title: [", "不是可读取的 YAML：括号、引号或缩进不匹配"),
        ("priority: 80", "priority: &x [*x]", "不是可读取的 YAML：不允许使用锚点与别名"),
        ("priority: 80", "priority: 80: 90", "不是可读取的 YAML：此处不应出现冒号，文本请加引号"),
    ],
)  # fmt: skip
def test_each_fault_is_told_in_chinese_too(old: str, new: str, zh: str) -> None:
    assert old in GOOD
    with pytest.raises(TriggerFileRefused) as caught:
        trigger_files.read(GOOD.replace(old, new, 1))
    assert zh in [fault.zh for fault in caught.value.faults]


@pytest.mark.parametrize("kind", ["some_error_of_a_later_pydantic", "value_error"])
def test_an_error_that_nobody_knows_is_still_no_english(kind: str) -> None:
    assert value_texts.of_value({"type": kind, "msg": "Input is not so", "ctx": {"x": 1}}) == "取值不符合要求"
    assert yaml_texts.of_yaml("something odd came") == "格式有误"


WRONG: tuple[object, ...] = (
    None, "", "x" * 5_000, "A B", "30 days", 1, -1, 1.5, 10**30, True, False, [], [1], ["a"] * 30, {}, {"a": 1},
    float("inf"), float("nan"),
)  # fmt: skip


def test_whatever_stands_in_any_place_is_told_in_chinese_or_taken() -> None:
    """Every type of error that pydantic has for a trigger file has its words."""
    read, kinds = trigger_files.read(GOOD).content, set()
    for shape, model in SHAPES.items():
        for name, field in model.model_fields.items():
            for value in WRONG:
                content = {key: one for key, one in read.items() if key != "own_history"}
                kinds |= faults_of(content | {shape: {field.alias or name: value}})
    for key in Definition.model_fields:
        for value in WRONG:
            kinds |= faults_of(read | {key: value})
    known = value_texts.VALUES.keys() | {"missing", "extra_forbidden", "literal_error", "value_error"}
    assert kinds <= known
    assert len(kinds) > 15


def faults_of(content: dict[str, Any]) -> set[str]:
    try:
        Definition.model_validate(content)
    except ValidationError as error:
        return {one["type"] for one in error.errors()}
    return set()


def test_a_quote_that_is_not_closed_is_told_where_it_begins() -> None:
    assert refused("trigger: a\ntitle: 'x\non: postings\n") == [
        (2, 8, "it is no YAML of ours: the quote that begins here is not closed")
    ]


def test_all_faults_are_told_at_once_in_order() -> None:
    faults = refused(GOOD.replace("cooldown", "cooldwn").replace("priority: 80", "priority: much"))
    assert [line for line, _, _ in faults] == [13, 15]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "large",
        "a: &x [*x]",
        "x" * 70_000,
        "{" * 60,
        "a:\n" + "".join(" " * n + "b:\n" for n in range(1, 40)),
    ],
)
def test_what_is_no_file_of_ours_is_refused(text: str) -> None:
    assert len(refused(text)) >= 1


def test_the_schema_for_editors_is_the_codes_and_knows_every_key() -> None:
    committed = SCHEMA.read_text("utf-8")
    assert committed == schema_text(), "run: python -m eventing.trigger_schema > docs/reference/triggers.schema.json"
    schema = json.loads(committed)
    assert set(trigger_files.read(GOOD).content) <= set(schema["properties"])
    assert [part["required"][0] for part in schema["oneOf"]] == list(SHAPES)
    assert schema["$defs"]["OwnHistory"]["properties"]["over"]["pattern"] == "^[0-9]{1,5} (day|month)s?$"


def test_json_is_a_trigger_file_too() -> None:
    text = (
        '{"trigger": "b", "title": {"zh": "x", "en": "x"}, "meaning": {"zh": "x", "en": "x"}, "on": "postings",'
        ' "count": {"at_least": 3, "within": "1 hour"}}'
    )
    assert trigger_files.read(text).definition.kind == "count"
