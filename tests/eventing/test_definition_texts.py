"""A definition as a sentence: every shape in both languages."""

from importlib.resources import files

import pytest

from eventing import trigger_files
from eventing.definition import Definition
from eventing.definition_texts import sentence

LIBRARY = {
    file.name.removesuffix(".yaml"): trigger_files.read(file.read_text(encoding="utf-8")).definition
    for file in files("eventing").joinpath("library").iterdir()
}


def variant(name: str, **parts: object) -> Definition:
    """A shipped trigger with other parts."""
    file = trigger_files.read(files("eventing").joinpath("library", f"{name}.yaml").read_text(encoding="utf-8"))
    return Definition.model_validate(file.content | parts)


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("burst-of-payments", "Postings (Kind is “card_payment”): 3 or more within 2 days; at most once in 30 days for"
         " each customer.", "交易（交易类型 为 “card_payment”）：2 天内至少 3 笔；每客户 30 天内至多一次。"),
        ("honeymoon", "Dates: 7 days after, 30 days after, 90 days after, counted from the first day as a customer; as"
         " often as it happens.", "日期：成为客户之日后 7 天、后 30 天、后 90 天；每次均触发。"),
        ("lost-customer", "Postings: at a month's end deposits of at most 2000, 6 months before of 10000 or more; at"
         " most once in 365 days for each customer.",
         "交易：月末存款不高于 2000，6 个月前不低于 10000；每客户 365 天内至多一次。"),
        ("balance-halved", "Postings: in a month the closing balance is below 0.5 times the mean of the 3 months"
         " before, which is 10000 or more; at most once in 90 days for each customer.",
         "交易：本月日终余额低于此前 3 个月均值的 0.5 倍，且该均值不低于 10000；每客户 90 天内至多一次。"),
    ],
    ids=["count", "calendar", "silence", "change"],
)  # fmt: skip
def test_what_a_shipped_trigger_says(name: str, en: str, zh: str) -> None:
    assert sentence(LIBRARY[name]) == (en, zh)


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_every_shipped_trigger_is_told_in_both_languages(name: str) -> None:
    said = sentence(LIBRARY[name])
    assert said.en.isascii() or "“" in said.en
    assert said.en.endswith(".")
    assert said.zh.endswith("。")
    assert "None" not in said.en + said.zh


@pytest.mark.parametrize(
    ("definition", "part"),
    [
        (variant("large-deposit", own_history={"compare": "sum", "with": "sum", "within": "7 days", "over": "84 days",
                                               "times": "1.5"}),
         "the sum of 7 days is above 1.5 times the sum of as long a time, by the 84 days before"),
        (variant("salary-stops", change={"of": "count", "baseline": 1, "stops": True}),
         "in the month before their number is some, in this one nothing"),
        (variant("burst-of-payments", grain="account", cooldown="1 day"), "at most once in 1 day for each account"),
        (variant("card-expires", calendar={"of": "card_expires_on", "offsets": [-1, 0]}), "1 day before, on the day"),
    ],
    ids=["sum", "one-period", "account", "on-the-day"],
)  # fmt: skip
def test_other_ways_of_a_shape(definition: Definition, part: str) -> None:
    assert part in sentence(definition).en
