"""The catalogue: what every bank has, what a bank adds from a folder, and names that cannot be."""

from pathlib import Path

import pytest

from attune_expressions.catalogue import Catalogue, CatalogueFault, standard
from attune_expressions.condition import parse
from attune_expressions.fields import Field
from attune_expressions.refusals import Refused

OWN = """
fields:
  - {name: branch_class, type: text, zh: 机构等级, en: Branch class, level: C1, owner: bank, purpose: value}
  - {name: pension_day, type: int, zh: 养老金日, en: Pension day, largest: 31, freshness: monthly}
"""


def test_a_banks_own_fields_stand_beside_the_standard_ones(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, "utf-8")
    catalogue = standard().with_folder(tmp_path)
    found = parse("branch_class = 'A' and pension_day > 15 and aum > 50000", catalogue)
    assert [field.name for field in found.fields] == ["branch_class", "pension_day", "aum"]
    assert catalogue.fields["pension_day"].shape.bound == 31
    assert standard().fields.keys() < catalogue.fields.keys()


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("fields: [{name: x", "own.yaml", "no YAML"),
        ("- a\n", "own.yaml", "one key"),
        ("fields:\n  - {name: x, type: int, zh: 甲}", "field 1", "name, type, zh and en"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, levl: C1}", "field 1", "unknown key levl"),
        ("fields:\n  - {name: X, type: int, zh: 甲, en: X}", "(X)", "small letters"),
        ("fields:\n  - {name: case, type: int, zh: 甲, en: X}", "(case)", "word of the language"),
        ("fields:\n  - {name: current_date, type: date, zh: 甲, en: X}", "(current_date)", "word of the language"),
        ("fields:\n  - {name: select, type: int, zh: 甲, en: X}", "(select)", "something else than a name"),
        ("fields:\n  - {name: x, type: decimal, zh: 甲, en: X}", "(x)", "no type decimal"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, level: C3}", "(x)", "C1 and C2"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, largest: '3'}", "field 1", "largest is a int"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, grain: moon}", "field 1", "no grain moon"),
        ("fields:\n  - {name: x, type: bool, zh: 甲, en: X, largest: 3}", "(x)", "no largest"),
        ("fields:\n  - {name: x, type: int, zh: 甲, en: X, largest: 99999999999999999}", "(x)", "largest lies"),
        ("fields:\n  - {name: age, type: int, zh: 甲, en: X}", "age", "there is a field of this name"),
        ("fields:\n  - {name: labels, type: tags, zh: 甲, en: X}", "tags", "one field holds tags"),
    ],
)
def test_a_field_that_cannot_be_is_named(text: str, where: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(text, "utf-8")
    with pytest.raises(CatalogueFault) as found:
        standard().with_folder(tmp_path)
    assert where in found.value.place
    assert why in found.value.why


def test_every_name_of_the_standard_catalogue_can_be_written() -> None:
    for catalogue in (standard(), standard().of("posting")):
        for name, field in catalogue.fields.items():
            if field.type != "tags":
                assert parse(f"{name} IS NULL", catalogue).fields == (field,)


def test_a_grain_alone() -> None:
    postings = standard().of("posting")
    assert "amount" in postings.fields
    with pytest.raises(Refused, match="unknown field aum"):
        parse("aum > 3", postings)
    with pytest.raises(Refused, match="nothing here has tags"):
        parse("has_tag('x')", postings)


def test_a_name_is_its_own() -> None:
    with pytest.raises(CatalogueFault, match="it is called y"):
        Catalogue({"x": Field("y", "int", "甲", "Y")})
