"""A bank's own fields: what each says by `is` is read in its place, by every executor; what cannot be has its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from attune_expressions.catalogue import standard
from attune_expressions.condition import parse
from attune_expressions.explaining import explain
from attune_expressions.one_row import compiled
from attune_expressions.own_fields import OwnField, OwnFieldsRefused, extended, read_folder
from attune_expressions.refusals import Refused
from attune_expressions.sql import duckdb_sql

POSTINGS = standard().of("posting")
OWN = """
fields:
  - name: payroll
    type: bool
    zh: 代发工资
    en: Payroll credit
    is: direction = 'credit' AND kind IN ('8101', '8102')
  - {name: half, type: money, zh: 一半, en: Half, is: amount * 0.5}
  - {name: spare, type: money, grain: customer, zh: 可投资余额, en: Spare, is: 'greatest(balance - 20000, 0)'}
"""


def read_yaml(text: str) -> tuple[Any, Any]:
    """What the services read by, as far as a test needs: every item on the line of its name."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    places = {("fields", index): line for index, line in enumerate(lines(text))}
    return content, {("fields",): 1} | places


def lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if "name" in line]


def read(tmp_path: Path, text: str) -> tuple[OwnField, ...]:
    (tmp_path / "own.yaml").write_text(text, "utf-8")
    return read_folder(tmp_path, {"posting": (POSTINGS,)}, read_yaml)


def test_a_field_is_what_it_stands_for(tmp_path: Path) -> None:
    own = read(tmp_path, OWN)
    assert [field.name for field in own] == ["payroll", "half"], "the customer's are another service's"
    catalogue = extended(POSTINGS, own)
    short = parse("NOT payroll OR half > 100.25", catalogue)
    long = parse("NOT (direction = 'credit' AND kind IN ('8101', '8102')) OR (amount * 0.5) > 100.25", POSTINGS)
    assert short.root == long.root, "so every executor has the same answer"
    assert duckdb_sql(short) == duckdb_sql(long)
    assert [field.name for field in short.fields] == ["direction", "kind", "amount", "payroll", "half"]
    assert short.level == "C2"
    row = {"direction": "credit", "kind": "8101", "amount_minor": 20_050}
    assert not compiled(short)(row)
    assert compiled(short)(row | {"amount_minor": 20_051})
    assert "Kind" in explain(short, "en", row).sentence


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fields: [{name: x", "while parsing"),
        ("- a\n", "one key"),
        ("fields:\n  - {name: x, type: bool, zh: 甲, en: X}", "line 2: is is missing; it says what the field is"),
        ("fields:\n  - {name: x, type: bool, zh: 甲, en: X, is: new_mony, levl: C1}", "line 2: unknown key levl; did"),
        ("fields:\n  - {name: x, type: tags, zh: 甲, en: X, is: kind}", "line 2: type: input should be"),
        ("fields:\n  - {name: X, type: text, zh: 甲, en: X, is: kind}", "line 2: name: string should match"),
        ("fields:\n  - {name: case, type: text, zh: 甲, en: X, is: kind}", "line 2: case: it is a word"),
        (
            "fields:\n  - {name: x, type: text, zh: 甲, en: X, is: knd}",
            "x: is: line 1, column 1: unknown field knd; did",
        ),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, is: kind}", "x: is: it is a text, not of type int"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, is: amount}", "x: is: it is an amount, not of type int"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, is: '3'}", "x: is: it reads no field"),
        ("fields:\n  - {name: x, type: text, zh: 甲, en: X, is: kind, level: C1}", "x: its level is C2 at least"),
        ("fields:\n  - {name: kind, type: text, zh: 甲, en: X, is: channel}", "kind: there is a field of this name"),
        (f"{OWN}  - {{name: half, type: money, zh: 甲, en: X, is: amount}}", "line 10: half is at"),
    ],
)
def test_a_field_that_cannot_be_is_told_with_file_and_line(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(OwnFieldsRefused, match=r"own\.yaml") as found:
        read(tmp_path, text)
    assert why in str(found.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OwnFieldsRefused, match="no such folder"):
        read_folder(tmp_path / "none", {}, read_yaml)


def test_what_fields_stand_for_is_bounded() -> None:
    long = " OR ".join(f"kind = '{number}'" for number in range(200))
    own = OwnField.model_validate({"name": "x", "type": "bool", "zh": "甲", "en": "X", "is": long})
    catalogue = extended(POSTINGS, [own])
    assert parse("x OR amount > 3", catalogue).fields
    with pytest.raises(Refused, match="with what x stands for") as refused:
        parse(" OR ".join(["x"] * 4), catalogue)
    assert (refused.value.code, refused.value.at.column) == ("too_many_tokens", 16)
