"""One form for one name, phone or document, however it was typed; and every spelling of a Chinese name."""

from datetime import date

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from attune_service_kit.crypto import Keyring
from customer_360 import normalise, pinyin
from customer_360.identity import Identities, Identity

HAN = st.text(st.sampled_from("王李张单曾仇吕欧阳尉迟伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明"), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("张 三", "张三"),
        (" 张三\u3000", "张三"),
        ("Ｗang Ｗu", "wangwu"),
        ("O'Neil-Smith", "oneilsmith"),
        ("阿依古丽·买买提", "阿依古丽买买提"),
        ("阿依古丽•买买提", "阿依古丽买买提"),
        ("北京（某）公司", "北京某公司"),
        ("", ""),
        ("·", ""),
    ],
)
def test_a_name_has_one_form(typed: str, form: str) -> None:
    assert normalise.name(typed) == form


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("13800138000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("+86-138-0013-8000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("010-88886666", "+861088886666"),
        ("(010) 8888 6666", "+861088886666"),
        ("+1 650 253 0000", "+16502530000"),
        ("114", "114"),
        ("none", ""),
        ("13800138000;13900139000", "+8613800138000"),
        ("010-88886666转801", "+861088886666"),
    ],
)
def test_a_phone_has_one_form(typed: str, form: str) -> None:
    assert normalise.phone(typed, "CN") == form


def test_another_region_reads_its_own_numbers() -> None:
    assert normalise.phone("604 123 456", "CZ") == "+420604123456"


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "+86", "86"]))
def test_the_short_way_for_mobile_numbers_gives_what_the_parser_gives(number: str, prefix: str) -> None:
    parsed = phonenumbers.parse(prefix + number if prefix != "86" else "+86" + number, "CN")
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    assert normalise.phone(prefix + number, "CN") == e164


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("11010519491231002x", "11010519491231002X"),
        ("110105 19491231 002X", "11010519491231002X"),
        ("110105491231002", "11010519491231002X"),
        ("e12345678", "E12345678"),
        ("91350100M000100Y43", "91350100M000100Y43"),
        ("110105991331002", "110105991331002"),
        ("991105491231002", "991105491231002"),
        ("", ""),
        ("D1", "D1"),
    ],
)
def test_a_document_has_one_form(typed: str, form: str) -> None:
    assert normalise.document(typed) == form


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(0, 999), st.sampled_from(["11", "44", "65"]))
def test_an_old_identity_card_is_the_new_one(born: date, order: int, province: str) -> None:
    old = f"{province}0105{born:%y%m%d}{order:03d}"
    new = normalise.document(old)
    assert (len(new), new[:6], new[6:8], new[8:17]) == (18, old[:6], "19", old[6:])
    assert ric.calc_check_digit(new) == new[-1]


@given(st.text(max_size=30))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    for form in (normalise.name, normalise.document, normalise.spelling):
        assert form(form(text)) == form(text)


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("张三", {"zhangsan"}),
        ("单小明", {"shanxiaoming", "danxiaoming"}),
        ("曾国藩", {"zengguofan", "cengguofan"}),
        ("仇英", {"qiuying", "chouying"}),
        ("尉迟恭", {"yuchigong", "weichigong"}),
        ("吕布", {"lvbu"}),
        ("欧阳娜娜", {"ouyangnana"}),
        ("解晓东", {"xiexiaodong", "jiexiaodong"}),
        ("万俟", {"wanqi", "wansi"}),
        ("查良镛", {"zhaliangyong", "chaliangyong"}),
        ("john", set()),
        ("", set()),
    ],
)
def test_a_name_is_spelled_as_its_surname_is_read(name: str, spelled: set[str]) -> None:
    found = {"".join(syllables) for syllables in pinyin.spellings(name)}
    assert found == spelled or (name == "万俟" and found <= spelled)


def test_an_organisation_is_read_as_words() -> None:
    assert "".join(pinyin.phrase("重庆长江银行")) == "chongqingchangjiangyinhang"
    assert pinyin.phrase("acme") == ()


@pytest.mark.parametrize("typed", ["lǚ bù", "Lü Bu", "lvbu", "LYU BU", "lu:bu", "L V B U"])
def test_pinyin_is_read_however_it_was_typed(typed: str) -> None:
    assert normalise.spelling(typed) == "lvbu"


@given(HAN)
def test_every_spelling_is_plain_letters_one_syllable_a_character(name: str) -> None:
    spellings = pinyin.spellings(name)
    assert 1 <= len(spellings) <= 4
    for syllables in spellings:
        assert len(syllables) == len(name)
        assert all(syllable.isascii() and syllable.isalpha() and syllable.islower() for syllable in syllables)
        assert normalise.spelling("".join(syllables)) == "".join(syllables)


# --- the digests of many ----------------------------------------------------------------------------------------------


def test_many_parties_have_the_digests_that_each_has_alone() -> None:
    own = Identities(Keyring({1: bytes(range(32))}, {2: bytes(range(1, 33))}), "CN")
    rows = [
        ("person", date(1980, 3, 7), "单雄信", "13800000001", "11010119800307123X", None),
        ("person", None, "Ada Lovelace", "010-6512 3456", None, "1 Road"),
        ("organisation", date(1999, 1, 1), "重庆钢铁", None, "91110000000000000A", ""),
        ("prospect", date(1980, 3, 7), None, "", "-", None),
        ("person", date(1980, 3, 7), "王伟", "１３８００００００２", "110101800307123", "2 Road"),
    ]
    kinds, born, names, phones, documents, _ = (list(column) for column in zip(*rows, strict=True))
    many = own.traces_of(kinds, born, names, phones, documents)
    assert many == [own.traces(kind, day, Identity(*who)) for kind, day, *who in rows]
    assert many[0].keys[:2] == tuple(own.sought("单雄信", ["name"]) + own.sought("shanxiongxin", ["pinyin"])[:1])
    assert set(own.sought("danxiongxin", ["pinyin"])) & set(many[0].keys)
    assert [len(one.keys) for one in many] == [8, 3, 4, 0, 6]  # a document is looked for by its party's own column
    ids = [f"c{number}" for number in range(len(rows))]
    assert own.digests(ids, [row[2:] for row in rows]) == [
        own.digest(id_, row[2:]) for id_, row in zip(ids, rows, strict=True)
    ]
