"""A trigger file: read whole, or refused with the line, the column and the reason of every fault."""

import json
import re
from pathlib import Path

import pytest

from eventing import trigger_files
from eventing.definition import SHAPES
from eventing.trigger_files import TriggerFileRefused
from eventing.trigger_schema import schema_text

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "triggers.md"
SCHEMA = PAGE.with_suffix(".schema.json")
GOOD = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
WHERE = "account_kind = 'demand' AND direction = 'credit' AND new_money"


def refused(text: str) -> list[tuple[int, int, str]]:
    """Line, column and reason of each fault."""
    with pytest.raises(TriggerFileRefused) as caught:
        trigger_files.read(text)
    assert all(fault.zh for fault in caught.value.faults)
    return [(fault.line, fault.column, fault.en) for fault in caught.value.faults]


def test_the_example_of_the_reference_is_a_trigger() -> None:
    found = trigger_files.read(GOOD)
    assert (found.definition.trigger, found.definition.kind) == ("large-deposit", "own_history")
    assert found.content["on"] == "postings"
    assert [field.name for field in found.conditions["where"].fields] == ["account_kind", "direction", "new_money"]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "reason"),
    [
        ("cooldown", "cooldwn", 13, 1, "unknown key cooldwn; did you mean cooldown?"),
        ("  compare:", "  compar:", 8, 3, "unknown key compar; did you mean compare?"),
        ("6 months", "half a year", 10, 9, "a span is a number and a unit"),
        ("30 days", "30 months", 13, 11, "this span is in days"),
        ("priority: 80", "priority: 800", 15, 11, "less than or equal to 100"),
        ("compare: amount", "compare: amont", 8, 12, "'amount', 'sum' or 'count'"),
        ("trigger: large", "trigger: Large", 1, 10, "match pattern"),
        ("where: account_kind", "where: acount_kind", 6, 8, "unknown field acount_kind; did you mean account_kind?"),
        ("new_money", "age > 60", 6, 61, "age is the customer's"),
        ("new_money", "amount >> 3", 6, 68, ""),
        (f"where: {WHERE}", "where: |\n  new_money\n  AND amont > 3", 8, 7, "did you mean amount?"),
        (f"where: {WHERE}", 'where: "amont > 3"', 6, 9, "did you mean amount?"),
        (f"where: {WHERE}", "where: >\n  new_money AND\n  amont > 3", 7, 3, "did you mean amount?"),
        ("priority: 80", "priority: 80\npriority: 70", 16, 1, "'priority' stands here twice"),
        ("priority: 80", "count: {at_least: 3, within: 1 hour}", 1, 1, "exactly one shape"),
        ("on: postings", "on: dates", 1, 1, "`on: dates` is for the shape calendar"),
        ("title: {", "title: [", 2, 1, "no YAML"),
    ],
)
def test_each_fault_is_named_with_its_place(old: str, new: str, line: int, column: int, reason: str) -> None:
    assert old in GOOD
    (found,) = refused(GOOD.replace(old, new, 1))
    assert found[:2] == (line, column), found
    assert reason in found[2]


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
