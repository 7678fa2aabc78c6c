"""Why, for every shape: the part that failed, its values, and a sentence in both languages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.eventing.test_shapes import CUSTOMER, DAY0, trigger

from attune_contracts.identifiers import account_id
from attune_contracts.ledger import TransactionPosted
from eventing.compiled import Compiled
from eventing.explaining import Explanation
from eventing.explaining_shapes import ShapeQuestion, explain_shape
from eventing.facts import Fact, of_behaviour, of_posting


def posted(key: str, day: int, amount: int = 500, **more: Any) -> TransactionPosted:
    fields = {
        "customer_id": CUSTOMER, "posting_id": key, "account_id": account_id("t", "A"), "kind": "a",
        "business_date": DAY0 + timedelta(day), "direction": "credit", "amount_minor": amount, "currency": "CNY",
    }  # fmt: skip
    return TransactionPosted.model_validate(fields | more)


def asking(trigger: Compiled, fact: Fact, **more: Any) -> ShapeQuestion:
    usual = {"currency": "CNY", "newest": 0, "known": [fact], "openings": {}, "detected_by": None, "came": "stream"}
    return ShapeQuestion(trigger=trigger, fact=fact, **usual | {"paid_in": "CNY"} | more)


def why(
    shape: str, body: dict[str, Any], asked: int, *known: TransactionPosted, newest: int = 90, **more: Any
) -> Explanation:
    """Why of the posting with this number among those that are known."""
    one = trigger(shape, body, **more)
    seen = {"currency": "CNY", "newest": DAY0.toordinal() + newest, "known": [of_posting(p) for p in known]}
    found = explain_shape(asking(one, of_posting(known[asked]), **seen))
    assert found.text["en"].startswith(f"{one.name} v1 ")
    assert found.text["zh"].startswith(f"{one.name} v1 ")
    return found


A, B = posted("A", 10), posted("B", 12, kind="b", amount=200)
OFTEN, ABSENT = (
    {"at_least": 2, "within": "5 days"},
    {"after": "kind = 'a'", "without": "kind = 'b'", "within": "5 days"},
)
TURN = {"first": "kind = 'a'", "then": "kind = 'b'", "within": "5 days"}
OLD = posted("0", 0, amount=100)

CASES: list[tuple[str, dict[str, Any], dict[str, Any], int, list[TransactionPosted], str | None, dict[str, Any]]] = [
    ("count", OFTEN, {}, 1, [A, B], None, {"amount_minor": 700}),
    ("count", OFTEN, {}, 0, [A, B], "count", {"amount_minor": 500}),
    ("count", OFTEN, {"where": "amount >= 3"}, 1, [A, B], "condition", {"Amount": "2.00"}),
    ("count", OFTEN, {"cooldown": "30 days"}, 2, [A, B, posted("C", 13)], "cool_down", {"last_raised_key": "B"}),
    ("count", OFTEN, {}, 1, [A, B, posted("R", 14, reverses="B")], "not_reversed", {}),
    ("sequence", TURN, {}, 1, [A, B], None, {"amount_minor": 200, "compared_with_minor": 500}),
    ("sequence", TURN, {}, 0, [B, posted("D", 13, kind="b")], "sequence", {"amount_minor": 200}),
    ("sequence", TURN, {}, 0, [A, B], "condition", {"condition": "kind = 'b'"}),
    ("absence", ABSENT, {}, 0, [A], None, {"amount_minor": 500, "due": "2024-01-16"}),
    ("absence", ABSENT, {}, 0, [A, B], "absence", {"ended_by": "B", "ended_on": "2024-01-13"}),
    ("silence", {"for": "10 days"}, {}, 0, [A], None, {"event_key": "silence:2024-01-11"}),
    ("silence", {"for": "10 days"}, {}, 0, [A, B], "silence", {"ended_by": "B"}),
    ("change", {"of": "sum", "rises_above": 2, "baseline": 1}, {}, 1, [posted("0", 0), posted("C", 40, 1100)], None,
     {"amount_minor": 1100, "compared_with_minor": 500}),
    ("change", {"of": "sum", "rises_above": 2, "baseline": 1}, {}, 1, [posted("0", 0), posted("C", 40)], "change", {}),
    ("own_history", {"compare": "amount", "with": "max", "over": "9 days"}, {}, 1, [OLD, posted("9", 9)], None,
     {"amount_minor": 500, "compared_with_minor": 100}),
    ("own_history", {"over": "10 days"}, {}, 1, [OLD, A], None, {"mean_minor": 100, "amount_times_days": "5000"}),
    ("own_history", {"over": "10 days", "times": 6}, {}, 1, [OLD, A], "amount", {"balance_integral": "1000"}),
    ("own_history", {"over": "1 months"}, {}, 1, [OLD, A], "history", {"first_posting": "2024-01-01"}),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "body", "more", "asked", "known", "failed", "values"), CASES)
def test_the_part_that_failed_is_named_with_its_values(
    shape: str,
    body: dict[str, Any],
    more: dict[str, Any],
    asked: int,
    known: list[TransactionPosted],
    failed: str | None,
    values: dict[str, Any],
) -> None:
    found = why(shape, body, asked, *known, **more)
    assert found.failed == failed
    assert found.parts[-1].values.items() >= values.items() or any(
        p.values.items() >= values.items() for p in found.parts
    )


def test_the_nearest_change_that_would_make_it_so_is_told() -> None:
    found = why("count", OFTEN, 1, A, B, where="amount >= 3")
    assert "; it would be so if Amount were 3.00 (now 2.00)" in found.text["en"]
    assert "；若交易金额为 3.00（现为 2.00）则满足" in found.text["zh"]


def test_a_reversal_is_no_candidate() -> None:
    assert why("count", OFTEN, 2, A, B, posted("R", 13, reverses="A")).failed == "reverses"


def test_what_waits_for_its_day_says_so() -> None:
    found = why("absence", ABSENT, 0, A, newest=17)
    assert (found.failed, found.parts[-1].values) == ("due", {"due": "2024-01-16", "settled": "2024-01-14"})


def test_other_sources_currencies_and_switched_off_versions() -> None:
    views = trigger("behaviour", {"at_least": 1, "within": "1 days"}, on="behaviours")
    asked = asking(views, of_posting(A))
    assert explain_shape(asked).failed == "listens"
    assert explain_shape(replace(asked, trigger=trigger("count", OFTEN), currency="EUR")).failed == "currency"
    off = replace(trigger("count", OFTEN), enabled=False)
    assert explain_shape(replace(asked, trigger=off)).failed == "enabled"
    assert explain_shape(replace(asked, trigger=trigger("count", OFTEN), came="beyond")).failed == "lateness"


def looked(key: str, day: int, product: str = "w") -> Fact:
    on = DAY0 + timedelta(day)
    at = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
    return of_behaviour(key, on, at, {"behaviour": "product_viewed", "product": product})


def test_a_behaviour_is_explained_as_a_posting_is_and_both_are_seen_together() -> None:
    looks = [looked("v1", 10), looked("v2", 11), looked("v3", 12, "other")]
    shape = {"at_least": 2, "within": "7 days", "same": "product", "unless": "kind = 'b'"}
    views = trigger("behaviour", shape, on=["postings", "behaviours"], where="behaviour = 'product_viewed'")
    fired = explain_shape(asking(views, looks[1], paid_in="", known=looks))
    assert (fired.failed, next(p for p in fired.parts if p.name == "behaviour").values["amount_minor"]) == (None, 2)
    alone = explain_shape(asking(views, looks[2], paid_in="", known=looks))
    assert (alone.failed, alone.text["en"][-4:]) == ("behaviour", ": 1.")
    # What was bought in between is known, whichever of the two is asked about.
    bought = of_posting(posted("B", 11, kind="b"))
    assert explain_shape(asking(views, looks[1], paid_in="", known=[*looks, bought])).failed == "behaviour"
    other = explain_shape(asking(trigger("count", OFTEN), looks[0], paid_in="", known=looks))
    assert (other.failed, other.text["zh"][-5:]) == ("listens", "而非行为。")
    wrong = explain_shape(asking(views, of_behaviour("s", DAY0, datetime(2024, 1, 1, tzinfo=UTC),
                                                     {"behaviour": "step_started"}), paid_in=""))  # fmt: skip
    assert "not so of the behaviour" in wrong.text["en"]


def test_numbers_are_told_as_numbers_and_what_has_no_figures_without() -> None:
    often = {"compare": "count", "within": "5 days", "with": "count", "over": "10 days"}
    known = [OLD, posted("1", 10), posted("2", 20), posted("3", 21), posted("4", 22)]
    assert why("own_history", often, 4, *known).text == {
        "en": "own-history v1 fired: what it looks for is there: 3 beside 1.",
        "zh": "own-history v1 已触发：所寻模式成立：3，对照 1。",
    }
    assert why("silence", {"for": "10 days"}, 0, A).text["en"].endswith("found on 2024-01-21.")
