"""Every explanation agrees with the judgement, whatever the order, and names the part that failed with exact values."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import TransactionPosted
from eventing import why
from eventing.judging import Rule, Subject
from eventing.postings import movement
from eventing.verdicts import Raised
from eventing.why import Facts, Known, Told, Wanted

OWNER, ACCOUNT, TIME = customer_id("t", "c"), account_id("t", "d"), account_id("t", "t")
DAY0 = date(2024, 1, 1)
RULE = Rule("large-deposit", cooldown_days=0, lateness_days=3)
KINDS = {ACCOUNT: "demand", TIME: "time"}
CREATED = datetime(2020, 1, 1, tzinfo=UTC)


def posting(key: str, day: int, net: int, account: UUID = ACCOUNT, **more: Any) -> TransactionPosted:
    return TransactionPosted.model_validate(
        {"customer_id": OWNER, "posting_id": key, "account_id": account, "account_kind": KINDS[account],
         "business_date": date.fromordinal(DAY0.toordinal() + day), "direction": "credit" if net > 0 else "debit",
         "amount_minor": abs(net), "currency": "CNY", "kind": "x"} | more
    )  # fmt: skip


def version(rule: Rule) -> dict[str, Any]:
    fields = ("name", "version", "months", "minimum_minor", "cooldown_days", "lateness_days", "expires_hours")
    return {name: getattr(rule, name) for name in fields} | {
        "enabled": rule.enabled, "event_type": TransactionPosted.TYPE, "definition": None,
        "kind": "own_history", "backfilled_at": CREATED, "ended_at": None, "in_force": rule.version,
    }  # fmt: skip


def facts(known: list[TransactionPosted], rule: Rule, opening: int = 0, came: Any = "stream") -> Facts:
    """What the database would say after these postings have come by the stream, in the given order."""
    subject, stands, newest = Subject(), {}, 0
    for one in known:
        moved = movement(one)
        newest = max(newest, moved.day)
        for verdict in subject.apply(moved, rule, opening, newest):
            if isinstance(verdict, Raised):
                stands[verdict.key] = verdict.day
            elif stands.get(verdict.key, verdict.day + 1) <= verdict.day:
                del stands[verdict.key]
    return Facts(
        accounts={a: {"source_id": str(a)[:4], "kind": k, "opening": opening if k == "demand" else 7}
                  for a, k in KINDS.items() if k == "demand"} | ({TIME: {"source_id": "T", "kind": "time",
                                                                        "opening": 0}}),
        versions=[version(rule)],
        currency="CNY",
        newest=date.fromordinal(newest),
        known={(one.account_id, one.posting_id): Known(one, came, CREATED.replace(year=2024)) for one in known},
        looked={},
        dates=[],
        detections=[{"trigger": rule.name, "trigger_version": rule.version, "event_key": key, "state": "raised"}
                    for key in stands],
        subjects={rule.name: subject},
    )  # fmt: skip


def ask(found: Facts, key: str) -> dict[str, Told]:
    """The answers from state, where it still knows, and from all postings."""
    wanted = Wanted(OWNER, key)
    told = {"lake": why.from_postings(found, found.asked(wanted), wanted)[0]}
    state = why.from_state(found, wanted)
    return told if state is None else told | {"state": state}


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[list[TransactionPosted], Rule]:
    """A year of one customer, up to half of it late within the lateness, with flags and reversals."""
    lateness = draw(st.sampled_from([0, 3, 30]))
    rule = replace(RULE, lateness_days=lateness, cooldown_days=draw(st.sampled_from([0, 7, 60])))
    known = [posting("first", 0, 1000)]
    for n, day in enumerate(sorted(draw(st.lists(st.integers(150, 330), min_size=1, max_size=15)))):
        net = draw(st.integers(-300, 900).filter(bool))
        more: dict[str, Any] = {}
        if net > 0 and draw(st.integers(0, 9)) == 0:
            more["flags"] = ["own_transfer"]
        if net < 0 and draw(st.booleans()):
            target = draw(st.sampled_from(known))
            more, net = {"reverses": target.posting_id, "flags": ["reversal"]}, -target.amount_minor
        account = TIME if not more and draw(st.integers(0, 9)) == 0 else ACCOUNT
        known.append(posting(f"{draw(st.integers(0, 9))}-{n}", day, net, account, **more))
    delays = [draw(st.integers(0, lateness)) if draw(st.booleans()) else 0 for _ in known]
    arrival = sorted(zip(delays, known, strict=True), key=lambda p: (p[0] + p[1].business_date.toordinal(), p[0]))
    return [one for _, one in arrival], rule


@settings(max_examples=120, deadline=None)
@given(ledgers(), st.integers(-200, 400))
def test_what_is_explained_is_what_was_judged(case: tuple[list[TransactionPosted], Rule], opening: int) -> None:
    known, rule = case
    found = facts(known, rule, opening)
    stands = {row["event_key"] for row in found.detections}
    for one in known:
        answers = ask(found, one.posting_id)
        for source, told in answers.items():
            (explanation,) = told.explanations
            assert explanation.fired == (one.posting_id in stands), (source, explanation)
            assert set(explanation.text) == {"en", "zh"}
            assert "{" not in "".join(explanation.text.values())
            assert "None" not in "".join(explanation.text.values())
        texts = {source: told.explanations[0].parts for source, told in answers.items()}
        assert texts.get("state", texts["lake"]) == texts["lake"], "both sources give the same values"


HISTORY = [posting("first", 0, 1000)]
BIG = posting("big", 250, 5000)


@pytest.mark.parametrize(
    ("known", "key", "rule", "failed", "values"),
    [
        ([posting("out", 250, -5)], "out", RULE, "direction", {"direction": "debit"}),
        ([posting("t", 250, 9000, TIME)], "t", RULE, "account_kind", {"account_kind": "time"}),
        ([posting("own", 250, 9000, flags=["own_transfer"])], "own", RULE, "flags", {"flags": "own_transfer"}),
        ([posting("u", 250, 9000, reverses="z")], "u", RULE, "reverses", {"reverses": "z"}),
        ([posting("e", 250, 9000, currency="EUR")], "e", RULE, "currency", {"currency": "EUR"}),
        ([BIG], "big", replace(RULE, enabled=False), "enabled", {}),
        ([BIG], "big", replace(RULE, minimum_minor=5001), "minimum", {"minimum_minor": 5001}),
        ([posting("new", 100, 9000)], "new", RULE, "history",
         {"first_posting": "2024-01-01", "window_start": "2023-10-10"}),
        ([posting("small", 250, 1000)], "small", RULE, "amount",
         {"amount_times_days": "184000", "balance_integral": "184000", "days": 184, "mean_minor": 1000}),
        ([posting("one", 249, 5000), BIG], "big", replace(RULE, cooldown_days=30), "cool_down",
         {"last_raised": "2024-09-06", "last_raised_key": "one", "rests_until": "2024-10-06"}),
        ([BIG, posting("undo", 251, -5000, reverses="big", flags=["reversal"])], "big", RULE, "not_reversed", {}),
    ],
)  # fmt: skip
def test_the_part_that_failed_is_named_with_its_values(
    known: list[TransactionPosted], key: str, rule: Rule, failed: str, values: dict[str, Any]
) -> None:
    for told in ask(facts([*HISTORY, *known], rule), key).values():
        (explanation,) = told.explanations
        assert explanation.failed == failed
        assert values.items() <= explanation.parts[-1].values.items()
        assert [part.passed for part in explanation.parts] == [True] * (len(explanation.parts) - 1) + [False]


def test_a_file_judges_nothing_and_one_beyond_the_watermark_neither() -> None:
    by_file = ask(facts([*HISTORY, BIG], RULE, came="lake"), "big")["lake"].explanations[0]
    assert by_file.fired  # a replay has sent it: there is a detection of it
    for came, failed in (("lake", "delivery"), ("beyond", "lateness")):
        found = replace(facts([*HISTORY, BIG, posting("newest", 290, 1)], RULE, came=came), detections=[])
        (explanation,) = ask(found, "big")["lake"].explanations
        assert explanation.failed == failed
    assert explanation.parts[-1].values == {
        "business_date": "2024-09-07", "lateness_days": 3, "watermark": "2024-10-13",
    }  # fmt: skip


def test_another_version_than_the_one_that_judged_says_so() -> None:
    found = facts([*HISTORY, BIG], RULE)
    second = replace(RULE, version=2, minimum_minor=9000)
    found.versions = [version(second) | {"created_at": CREATED.replace(year=2025)}, *found.versions]
    wanted = Wanted(OWNER, "big", every_version=True)
    (told,) = why.from_postings(found, found.asked(wanted), wanted)
    assert [(e.rule.version, e.fired, e.failed) for e in told.explanations] == [(2, False, "minimum"), (1, True, None)]
    found.versions[0] |= {"minimum_minor": 0}
    (told,) = why.from_postings(found, found.asked(wanted), wanted)
    assert (told.explanations[0].failed, told.explanations[0].parts[-1].values) == (
        "in_force", {"judged_by_version": 1},
    )  # fmt: skip
