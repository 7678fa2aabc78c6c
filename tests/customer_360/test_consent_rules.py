"""What follows from a customer's words, case by case."""

import pytest

from customer_360.consent_rules import Decision, Place, Standing, indivisible, news, said_twice


def said(granted: bool, channel: str = "*", kind: str = "*", notice: int | None = None) -> Decision:
    return Decision("marketing_contact", channel, kind, granted, notice)


def place(channel: str = "*", kind: str = "*", purpose: str = "marketing_contact") -> Place:
    return purpose, channel, kind


OWN_YES, OWN_NO, DEFAULT_YES = Standing(True, True, 1), Standing(False, True, None), Standing(True, False, None)


@pytest.mark.parametrize(
    ("words", "standing", "expected"),
    [
        ([said(True, notice=1)], {}, [said(True, notice=1)]),
        ([said(False)], {}, [said(False)]),
        # The same again is no news; a newer notice is, and so is the customer's own word after a default.
        ([said(True, notice=1)], {place(): OWN_YES}, []),
        ([said(False)], {place(): OWN_NO}, []),
        ([said(True, notice=2)], {place(): OWN_YES}, [said(True, notice=2)]),
        ([said(True, notice=1)], {place(): DEFAULT_YES}, [said(True, notice=1)]),
        ([said(False)], {place(): DEFAULT_YES}, [said(False)]),
        # A refusal ends what it covers, whoever gave it, and nothing else.
        (
            [said(False)],
            {place("sms"): OWN_YES, place("sms", "loan"): DEFAULT_YES, place("push"): OWN_NO,
             place(purpose="survey"): OWN_YES},
            [said(False), said(False, "sms"), said(False, "sms", "loan")],
        ),
        ([said(False, "sms")], {place(): OWN_YES, place("sms", "loan"): OWN_YES},
         [said(False, "sms"), said(False, "sms", "loan")]),
        ([said(False, kind="loan")], {place("sms", "loan"): OWN_YES, place("sms", "fund"): OWN_YES},
         [said(False, kind="loan"), said(False, "sms", "loan")]),
        # Unless the same words give it.
        ([said(False), said(True, "sms", notice=1)], {place("sms"): OWN_YES, place("push"): OWN_YES},
         [said(False), said(False, "push")]),
    ],
)  # fmt: skip
def test_news(words: list[Decision], standing: dict[Place, Standing], expected: list[Decision]) -> None:
    assert news(words, standing) == expected


def test_what_cannot_be_said() -> None:
    assert indivisible([Decision("survey", "sms", "*", True)])
    assert indivisible([Decision("third_party", "*", "loan", False)])
    assert not indivisible([said(True, "sms", "loan"), Decision("survey", "*", "*", True)])
    assert said_twice([said(True), said(False)])
    assert not said_twice([said(True), said(True, "sms")])
