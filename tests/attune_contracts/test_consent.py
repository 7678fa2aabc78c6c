"""What a customer's consents permit, case by case, and against the rule said in other words."""

from datetime import date
from itertools import product

import pytest

from attune_contracts.consent import ANY, CHANNELS, PRODUCT_KINDS, Given, permitted, too_young

ALL = Given(ANY, ANY, True)
NOTHING = Given(ANY, ANY, False)


@pytest.mark.parametrize(
    ("given", "channel", "product_kind", "expected"),
    [
        # Unknown = no: nothing said, or nothing about this.
        ([], "sms", "loan", None),
        ([Given("sms", ANY, True)], "call_centre", None, None),
        # Consent for the channel, none for the product kind: it must not pass.
        ([Given("sms", "fund", True)], "sms", "loan", None),
        ([Given("sms", "fund", True)], "sms", None, None),
        ([Given("sms", ANY, True), Given(ANY, "loan", False)], "sms", "loan", False),
        ([ALL, Given(ANY, "loan", False)], "sms", "loan", False),
        # The most specific one holds, whichever way it goes.
        ([NOTHING, Given("sms", ANY, True)], "sms", None, True),
        ([NOTHING, Given("sms", ANY, True)], "push", None, False),
        ([ALL, Given("sms", ANY, False)], "sms", "fund", False),
        ([ALL, Given("sms", ANY, False), Given("sms", "fund", True)], "sms", "fund", True),
        ([ALL, Given("sms", "loan", False)], "sms", None, True),
        ([ALL, Given("sms", "loan", False)], "push", "loan", True),
        # A contact about no single product kind asks for all of them.
        ([ALL], "mail", None, True),
        ([Given(ANY, "fund", True)], "mail", None, None),
    ],
)
def test_permitted(given: list[Given], channel: str, product_kind: str | None, expected: bool | None) -> None:
    assert permitted(given, channel, product_kind) is expected
    assert permitted(reversed(given), channel, product_kind) is expected


def test_of_two_equally_specific_decisions_the_refusal_holds() -> None:
    for channel, kind in product(CHANNELS, PRODUCT_KINDS):
        yes_and_no = [Given(channel, ANY, True), Given(ANY, kind, False)]
        assert permitted(yes_and_no, channel, kind) is False
        assert permitted([Given(g.channel, g.product_kind, not g.granted) for g in yes_and_no], channel, kind) is False


@pytest.mark.parametrize(
    ("born", "day", "young"),
    [
        (None, date(2026, 3, 17), False),
        (date(2012, 3, 17), date(2026, 3, 16), True),
        (date(2012, 3, 17), date(2026, 3, 17), False),
        (date(2012, 2, 29), date(2026, 2, 28), True),
        (date(2012, 2, 29), date(2026, 3, 1), False),
        (date(2026, 3, 18), date(2026, 3, 17), True),
        (date(1980, 5, 1), date(2026, 3, 17), False),
    ],
)
def test_r05_nobody_under_fourteen_is_marketed_to(born: date | None, day: date, young: bool) -> None:
    assert too_young(born, day) is young
