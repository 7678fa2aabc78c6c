"""The shapes: any disorder within the lateness gives the set, and the bytes, that order and the page itself give."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.eventing.by_definition import Found, standing

from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import TransactionPosted
from eventing.compiled import Compiled
from eventing.customers import Found as OneFound
from eventing.customers import Shared
from eventing.definition import Definition
from eventing.facts import Fact, of_behaviour, of_posting
from eventing.replaying import Partition
from eventing.shapes.windowed import Windowed
from eventing.verdicts import Raised

DAY0 = date(2024, 1, 1)
CUSTOMER = customer_id("t", "1")
ACCOUNTS = (("A", "demand"), ("B", "time"), ("C", "card"))
TEXTS = {"zh": "一", "en": "one"}

SHAPES: dict[str, list[dict[str, Any]]] = {
    "own_history": [
        {"over": "2 months", "times": "0.5"},
        {"over": "30 days", "times": "1.5"},
        {"compare": "amount", "with": "mean", "over": "20 days", "times": 2},
        {"compare": "amount", "with": "max", "over": "1 months"},
        {"compare": "amount", "with": "sum", "over": "10 days", "times": "0.4"},
        {"compare": "sum", "with": "sum", "within": "5 days", "over": "30 days", "times": 2},
        {"compare": "count", "with": "count", "within": "3 days", "over": "20 days", "times": "1.5"},
    ],
    "count": [
        {"at_least": 2, "within": "3 days"},
        {"at_least": 3, "within": "10 days"},
        {"at_least": 2, "within": "6 hours"},
    ],
    "sequence": [
        {"first": "kind = 'a'", "then": "kind = 'b'", "within": "7 days"},
        {"first": "amount >= 0.03", "then": "direction = 'debit'", "within": "1 days"},
        {"first": "kind = 'a'", "then": "amount >= 0.02", "within": "12 hours"},
    ],
    "absence": [
        {"after": "kind = 'a'", "without": "kind = 'b'", "within": "10 days"},
        {"after": "amount >= 0.04", "without": "amount >= 0.04 AND direction = 'debit'", "within": "3 days"},
    ],
    "silence": [{"for": "10 days"}, {"for": "31 days"}, {"for": "2 months", "had": "0.05", "has": "0.02"}],
    "change": [
        {"of": "sum", "falls_below": "0.5", "baseline": 2},
        {"of": "count", "rises_above": 2, "baseline": 3, "every": "week", "at_least": "0.3"},
        {"of": "sum", "begins": True, "baseline": 1, "at_least": "0.04"},
        {"of": "count", "stops": True, "baseline": 2, "every": "week"},
        {"of": "share", "share_of": "channel = 'web'", "moves_by": "0.3", "baseline": 2, "at_least": 2},
        {"of": "closing_balance", "falls_below": "0.5", "baseline": 1},
        {"of": "closing_balance", "rises_above": "1.5", "baseline": 2, "every": "week"},
    ],
    "behaviour": [
        {"at_least": 2, "within": "5 days", "same": "product"},
        {"at_least": 2, "within": "8 hours", "unless": "behaviour = 'bought'"},
        {"at_least": 3, "within": "20 days", "same": "step", "unless": "kind = 'a' AND amount >= 0.03"},
        {"at_least": 1, "within": "2 days", "unless": "behaviour = 'bought'"},
    ],
}  # fmt: skip
WHERE = (
    None,
    "kind = 'a'",
    "direction = 'credit' AND new_money",
    "amount >= 0.03",
    "kind IN ('a', 'b') OR amount > 0.05",
)


def trigger(shape: str, body: dict[str, Any], **more: Any) -> Compiled:
    """A trigger of a shape, on postings unless it says otherwise."""
    on = ["postings", "behaviours"] if shape == "behaviour" else "postings"
    raw = {
        "trigger": shape.replace("_", "-"),
        "title": TEXTS,
        "meaning": TEXTS,
        "on": on,
        shape: body,
        "cooldown": "0 days",
    }
    return Compiled.of(Definition.model_validate(raw | more))


def posting(key: str, day: int, amount: int, **more: Any) -> Fact:
    """A posting so many days after the first one."""
    kinds = dict(ACCOUNTS)
    account = more.pop("account", "A")
    hour = more.pop("hour", None)
    on = DAY0 + timedelta(day)
    fields = {
        "customer_id": CUSTOMER, "posting_id": key, "account_id": account_id("t", account), "business_date": on,
        "booked_at": None if hour is None else datetime.combine(on, time(hour), UTC), "direction": "credit",
        "amount_minor": amount, "currency": "CNY", "kind": "a", "account_kind": kinds[account],
    }  # fmt: skip
    return of_posting(TransactionPosted.model_validate(fields | more))


def view(key: str, day: int, hour: int, behaviour: str = "viewed", **more: Any) -> Fact:
    """A behaviour."""
    on = DAY0 + timedelta(day)
    return of_behaviour(key, on, datetime.combine(on, time(hour), UTC), {"behaviour": behaviour} | more)


@dataclass
class Case:
    """A trigger, facts in order, and in the order in which they come."""

    trigger: Compiled
    ordered: list[Fact]
    arriving: list[Fact]
    openings: dict[bytes, int]


@st.composite
def histories(draw: st.DrawFn, behaviours: bool) -> list[Fact]:
    """Some four months of facts: bursts and gaps, flags, reversals, moments known or not."""
    facts: list[Fact] = []
    days = draw(st.lists(st.one_of(st.integers(0, 130), st.integers(60, 75)), min_size=1, max_size=24))
    for number, day in enumerate(sorted(days)):
        key = f"{draw(st.integers(0, 9))}{number:02d}"
        hour = draw(st.one_of(st.none(), st.integers(0, 23)))
        if behaviours and draw(st.booleans()):
            kind = draw(st.sampled_from(("viewed", "viewed", "bought")))
            product, step = draw(st.sampled_from(("p", "q", None))), draw(st.sampled_from(("s", None)))
            facts.append(view(f"v{key}", day, hour or 0, kind, product=product, step=step))
            continue
        more: dict[str, Any] = {
            "account": draw(st.sampled_from("AAABC")), "hour": hour, "kind": draw(st.sampled_from("ab")),
            "direction": draw(st.sampled_from(("credit", "credit", "debit"))),
            "channel": draw(st.sampled_from(("web", "counter", None))),
        }  # fmt: skip
        if draw(st.integers(0, 4)) == 0 and (earlier := [f for f in facts if f.source == "postings"]):
            more["reverses"] = draw(st.sampled_from(earlier)).key
        facts.append(posting(key, day, draw(st.integers(0, 8)), **more))
    return facts


def on_account_of(fact: Fact, other: Fact) -> Fact:
    """The posting as it would be on the account of another one."""
    signed = fact.amount if fact.row["direction"] == "credit" else -fact.amount
    row = dict(fact.row) | {"account_kind": other.row["account_kind"]}
    net = signed if other.deposit else 0
    return fact._replace(account=other.account, deposit=other.deposit, net=net, row=row)


@st.composite
def cases(draw: st.DrawFn, shape: str) -> Case:
    lateness = draw(st.sampled_from((0, 1, 3, 30, 60)))
    body = draw(st.sampled_from(SHAPES[shape]))
    more: dict[str, Any] = {"lateness": f"{lateness} days", "cooldown": f"{draw(st.sampled_from((0, 1, 10, 40)))} days"}
    if shape not in ("sequence", "absence") and (where := draw(st.sampled_from(WHERE))):
        more["where"] = where if shape != "behaviour" else "behaviour = 'viewed'"
    if shape != "behaviour" and draw(st.integers(0, 3)) == 0:
        more["grain"] = "account"
    facts = draw(histories(shape == "behaviour"))
    if "grain" in more:
        # A reversal is booked on the account of what it reverses.
        known: dict[str, Fact] = {}
        for fact in facts:
            known[fact.key] = fact if fact.reverses is None else on_account_of(fact, known[fact.reverses])
        facts = list(known.values())
    delays = [draw(st.integers(0, lateness)) if draw(st.booleans()) else 0 for _ in facts]
    ordered = sorted(facts, key=lambda f: f.place)
    arrival = sorted(zip(delays, facts, strict=True), key=lambda pair: (pair[0] + pair[1].day, pair[1].key))
    openings: dict[bytes, int] = {f.account: 0 for f in facts if f.deposit}
    if openings:
        openings[min(openings)] = draw(st.integers(-5, 30))
    return Case(trigger(shape, body, **more), ordered, [fact for _, fact in arrival], openings)


def streamed(case: Case, facts: list[Fact]) -> tuple[Found, dict[Any, bytes], Partition]:
    partition = Partition.of([case.trigger], {"1": case.openings})
    for fact in facts:
        partition.apply("1", fact)
        customer = partition.customers["1"]
        for key, state in customer.states.items():
            customer.states[key] = state if isinstance(state, bytes) else state.pack()
        customer.shared = Shared.unpack(customer.shared.pack())
    found = partition.standing.get(case.trigger.name, {})
    return {key: (v.day, v.amount, v.compared_with) for (_, key), v in found.items()}, partition.states(), partition


def raised(found: list[OneFound]) -> list[Raised]:
    return [one.verdict for one in found if isinstance(one.verdict, Raised)]


def by_the_page(case: Case) -> Found:
    settled = case.ordered[-1].day - case.trigger.lateness - 1
    if not case.trigger.by_account:
        return standing(case.trigger, case.ordered, sum(case.openings.values()), settled)
    found: Found = {}
    for account in {fact.account for fact in case.ordered}:
        mine = [fact for fact in case.ordered if fact.account == account]
        found |= standing(case.trigger, mine, case.openings.get(account, 0), settled)
    return found


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_disorder_within_the_lateness_gives_what_the_page_says(shape: str, data: st.DataObject) -> None:
    case = data.draw(cases(shape))
    found, states, partition = streamed(case, case.ordered)
    assert found == by_the_page(case)
    shuffled, shuffled_states, _ = streamed(case, case.arriving)
    # The figures are those that were known when the detection was raised.
    assert {key: figures[0] for key, figures in shuffled.items()} == {key: figures[0] for key, figures in found.items()}
    assert shuffled_states == states
    assert partition.beyond == 0


def test_a_trigger_that_is_off_finds_nothing_and_goes_on_counting() -> None:
    on = trigger("count", {"at_least": 2, "within": "3 days"})
    off = Compiled.of(on.definition, enabled=False)
    for one, expected in ((on, {"2"}), (off, set())):
        partition = Partition.of([one])
        for fact in (posting("1", 0, 5), posting("2", 1, 5)):
            partition.apply("1", fact)
        assert {key for _, key in partition.standing.get("count", {})} == expected
        state = partition.customers["1"].states["count", b""]
        assert isinstance(state, Windowed)
        assert [entry.key for entry in state.entries] == ["1", "2"]


def test_what_comes_late_is_said_to_be_and_what_is_settled_never_is() -> None:
    late = Partition.of([trigger("count", {"at_least": 2, "within": "3 days"}, lateness="5 days")])
    found = [one for fact in (posting("2", 9, 5), posting("1", 8, 5)) for one in late.apply("1", fact)]
    assert [(one.key, one.late) for one in raised(found)] == [("2", True)]
    quiet = Partition.of([trigger("silence", {"for": "10 days"}, lateness="3 days")])
    quiet.apply("1", posting("1", 0, 5))
    assert quiet.advance(DAY0.toordinal() + 13) == []
    (one,) = raised(quiet.advance(DAY0.toordinal() + 14))
    assert (one.key, one.day, one.late) == (f"silence:{DAY0}", DAY0.toordinal() + 10, False)


def test_a_fact_at_or_before_the_watermark_is_counted_and_judges_nothing() -> None:
    partition = Partition.of([trigger("count", {"at_least": 2, "within": "20 days"}, lateness="3 days")])
    assert partition.apply("1", posting("2", 10, 5)) == []
    assert partition.apply("1", posting("1", 6, 5)) == []
    assert partition.beyond == 1
    (one,) = raised(partition.apply("1", posting("3", 10, 5)))
    assert (one.key, one.amount) == ("3", 15)


def test_a_late_first_posting_gives_a_past_to_what_is_open() -> None:
    own = trigger(
        "own_history",
        {"compare": "amount", "with": "sum", "over": "10 days"},
        where="amount >= 0.03",
        lateness="60 days",
    )
    partition = Partition.of([own])
    assert partition.apply("1", posting("2", 50, 5)) == []
    (one,) = raised(partition.apply("1", posting("1", 0, 1)))
    assert (one.key, one.late) == ("2", True)


def test_timers_fire_in_the_order_of_their_days() -> None:
    partition = Partition.of([trigger("silence", {"for": "10 days"}, lateness="0 days")])
    for subject, day in (("3", 2), ("1", 4), ("2", 2)):
        partition.apply(subject, posting("1", day, 5))
    found = partition.advance(DAY0.toordinal() + 40)
    assert [one.day - DAY0.toordinal() for one in raised(found)] == [12, 12, 14]


def test_what_is_left_out_of_the_evidence_is_null() -> None:
    partition = Partition.of([trigger("count", {"at_least": 2, "within": "3 days"}, emit=["compared_with"])])
    found = [one for fact in (posting("1", 0, 5), posting("2", 1, 5)) for one in partition.apply("1", fact)]
    assert [one.amount for one in raised(found)] == [None]
