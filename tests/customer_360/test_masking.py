"""What of a name, phone or document is shown: never more than is said, to nobody more than their scopes allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_contracts.access import ROLE_SCOPES
from customer_360 import masking
from customer_360.masking import Sight


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("张三", "张*"),
        ("张三丰", "张*"),
        ("欧阳娜娜", "欧阳*"),
        ("张", "*"),
        ("Wang Wu", "W*"),
        (" 李四 ", "李*"),
        ("", "*"),
    ],
)
def test_a_name_shows_the_surname(text: str, shown: str) -> None:
    assert masking.name(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("13800138000", "138****8000"),
        ("+8613800138000", "138****8000"),
        ("138-0013-8000", "138****8000"),
        ("010-88886666", "010****6666"),
        ("12345678", "****5678"),
        ("1234567", "****"),
        ("", "****"),
    ],
)
def test_a_phone_shows_its_ends(text: str, shown: str) -> None:
    assert masking.phone(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("11010519491231002X", "110***********002X"),
        ("110105491231002", "110********1002"),
        ("E12345678", "E******78"),
        ("D1", "**"),
        ("", ""),
    ],
)
def test_a_document_shows_its_ends_by_length(text: str, shown: str) -> None:
    assert masking.document(text) == shown


@given(st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_no_mask_shows_the_whole_or_more_than_its_ends(text: str) -> None:
    for mask, most in ((masking.name, 2), (masking.phone, 7), (masking.document, 7)):
        shown = mask(text)
        assert sum(char.isalnum() for char in shown) <= most
        assert "*" in shown or not any(char.isalnum() for char in text)
        assert shown != text or not any(char.isalnum() for char in text)


@given(st.text(st.characters(categories=["Lo", "Lu", "Ll"]), min_size=2, max_size=30))
def test_a_masked_name_does_not_tell_how_long_it_is(text: str) -> None:
    assert len(masking.name(text)) <= 3


def test_who_serves_customers_sees_names_and_nobody_else() -> None:
    full = {role for role, scopes in ROLE_SCOPES.items() if Sight.of(scopes).name("张三", "person") == "张三"}
    assert full == {"teller", "relationship_manager", "call_centre", "branch_manager", "data_steward", "mobile"}
    assert Sight(names=False).name("北京某某有限公司", "organisation") == "北京某某有限公司"
    assert Sight(names=False).name(None, "person") is None
    assert Sight(names=False).name("李四", "prospect") == "李*"
