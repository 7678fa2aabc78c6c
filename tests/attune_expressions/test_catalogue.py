"""The catalogue: what every bank has, and names that cannot be."""

import pytest

from attune_expressions.catalogue import Catalogue, CatalogueFault, standard
from attune_expressions.condition import parse
from attune_expressions.fields import Field
from attune_expressions.refusals import Refused


@pytest.mark.parametrize(
    ("field", "where", "why"),
    [
        (Field("X", "int", "甲", "X"), "X", "small letters"),
        (Field("case", "int", "甲", "X"), "case", "word of the language"),
        (Field("current_date", "date", "甲", "X"), "current_date", "word of the language"),
        (Field("select", "int", "甲", "X"), "select", "something else than a name"),
        (Field("x", "bool", "甲", "X", largest=3), "x", "no largest"),
        (Field("x", "int", "甲", "X", largest=10**17), "x", "largest lies"),
        (Field("age", "int", "甲", "X"), "age", "there is a field of this name"),
        (Field("labels", "tags", "甲", "X"), "tags", "one field holds tags"),
    ],
)
def test_a_field_that_cannot_be_is_named(field: Field, where: str, why: str) -> None:
    with pytest.raises(CatalogueFault) as found:
        standard().with_fields([field])
    assert found.value.place == where
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
