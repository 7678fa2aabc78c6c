"""Late postings, cool-down and reversals: any disorder within the lateness gives the set that order gives."""

from collections import defaultdict
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.cool_down import Hit, is_reversed, raised
from eventing.judging import Movement, Rule, Subject, is_beyond, watermark
from eventing.own_history import months_before
from eventing.verdicts import Raised, Withdrawn

DAY0 = date(2024, 1, 1).toordinal()
RULE = Rule("large-deposit", cooldown_days=0, lateness_days=3)


def standing(movements: list[Movement], rule: Rule, opening: int = 0) -> tuple[dict[str, int], bytes]:
    """Stream the movements in the given order; return the standing detections and the packed state."""
    subject, stands, newest = Subject(), {}, 0
    for movement in movements:
        newest = max(newest, movement.day)
        for verdict in subject.apply(movement, rule, opening, newest):
            if isinstance(verdict, Raised):
                stands[verdict.key] = verdict.day
            elif stands.get(verdict.key, verdict.day + 1) <= verdict.day:
                del stands[verdict.key]
        subject = Subject.unpack(subject.pack())
    return stands, subject.pack()


def by_definition(movements: list[Movement], rule: Rule, opening: int = 0) -> dict[str, int]:
    """The standing set by X37's own words: day by day, no state."""
    hits, reversals = [], defaultdict(list)
    first = min(m.day for m in movements)
    for m in movements:
        if m.reverses:
            reversals[m.reverses].append(m.day)
        start = months_before(m.day, rule.months)
        if not m.candidate or first > start:
            continue
        balances = sum(opening + sum(o.net for o in movements if o.day <= x) for x in range(start, m.day))
        if m.net * (m.day - start) > balances:
            hits.append(Hit(m.day, m.moment, m.key, m.net, 0))
    chosen = raised(hits, reversals, rule.cooldown_days)
    return {h.key: h.day for h in chosen if not is_reversed(h, reversals)}


@st.composite
def ledgers(draw: st.DrawFn) -> list[Movement]:
    """A ledger of about a year: an opening posting, then bursts in the last months, some of them reversed."""
    days = [0, *draw(st.lists(st.integers(150, 330), min_size=1, max_size=25))]
    movements = []
    for number, day in enumerate(sorted(days)):
        net = draw(st.integers(-300, 600))
        reverses = None
        if net < 0 and movements and draw(st.booleans()):
            target = draw(st.sampled_from(movements))
            reverses, net = target.key, -abs(target.net)
        key = f"{draw(st.integers(0, 9))}{number:03d}"
        candidate = net > 0 and reverses is None and number > 0
        moment = draw(st.sampled_from((-3, 0, 0, 4)))
        movements.append(Movement(DAY0 + day, key, net, candidate, reverses, moment=moment))
    return movements


@st.composite
def disordered(draw: st.DrawFn) -> tuple[list[Movement], list[Movement], Rule]:
    lateness = draw(st.sampled_from([0, 1, 3, 30, 60]))
    rule = replace(RULE, lateness_days=lateness, cooldown_days=draw(st.sampled_from([0, 1, 7, 30])))
    ledger = draw(ledgers())
    delays = [draw(st.integers(0, lateness)) if draw(st.booleans()) else 0 for _ in ledger]
    arrival = sorted(zip(delays, ledger, strict=True), key=lambda pair: (pair[0] + pair[1].day, pair[1].key))
    ordered = sorted(ledger, key=lambda m: (m.day, m.moment, m.key))
    return ordered, [movement for _, movement in arrival], rule


@settings(max_examples=250, deadline=None)
@given(disordered(), st.integers(-200, 400))
def test_any_disorder_within_the_lateness_gives_the_set_and_the_bytes_of_the_order(
    case: tuple[list[Movement], list[Movement], Rule], opening: int
) -> None:
    ordered, shuffled, rule = case
    in_order = standing(ordered, rule, opening)
    assert standing(shuffled, rule, opening) == in_order
    assert in_order[0] == by_definition(ordered, rule, opening)


def history(*later: Movement) -> list[Movement]:
    return [Movement(DAY0, "0", 1000), *later]


def test_a_credit_equal_to_the_mean_does_not_fire() -> None:
    at = DAY0 + 200
    assert standing(history(Movement(at, "1", 1000, True)), RULE)[0] == {}
    assert standing(history(Movement(at, "1", 1001, True)), RULE)[0] == {"1": at}


def test_a_short_history_never_fires() -> None:
    first_possible = next(d for d in range(DAY0, DAY0 + 300) if months_before(d, 6) >= DAY0)
    assert standing(history(Movement(first_possible - 1, "1", 10**9, True)), RULE)[0] == {}
    assert "1" in standing(history(Movement(first_possible, "1", 10**9, True)), RULE)[0]


def test_a_late_debit_raises_a_later_credit_and_says_so() -> None:
    subject, at = Subject(), DAY0 + 200
    subject.apply(Movement(DAY0, "0", 1000), RULE, 0, DAY0)
    assert subject.apply(Movement(at, "2", 1000, True), RULE, 0, at) == []
    (verdict,) = subject.apply(Movement(at - 2, "1", -100), RULE, 0, at)
    assert isinstance(verdict, Raised)
    assert (verdict.key, verdict.late) == ("2", True)


def test_beyond_the_watermark_a_posting_moves_the_balance_and_judges_nothing() -> None:
    subject, at = Subject(), DAY0 + 200
    subject.apply(Movement(DAY0, "0", 1000), RULE, 0, DAY0)
    subject.apply(Movement(at, "2", 1000, True), RULE, 0, at)
    assert subject.apply(Movement(at - 4, "1", -100, True), RULE, 0, at) == []
    assert subject.history.integral(at, at + 1, 0) == 1900


@pytest.mark.parametrize("lateness", [0, 3, 30, 60])
def test_the_watermark_is_the_last_day_that_judges_nothing(lateness: int) -> None:
    rule, at = replace(RULE, lateness_days=lateness), DAY0 + 300
    for back, judged in ((lateness, True), (lateness + 1, False)):
        subject = Subject()
        subject.apply(Movement(DAY0, "0", 1000), rule, 0, DAY0)
        subject.apply(Movement(at, "2", 1), rule, 0, at)
        verdicts = subject.apply(Movement(at - back, "1", 5000, True), rule, 0, at)
        assert [type(v) for v in verdicts] == ([Raised] if judged else [])
        assert is_beyond(at - back, at, rule) is not judged
        assert watermark(at, rule) == at - lateness - 1


def test_a_customer_who_is_silent_while_others_go_on_is_judged_by_the_partitions_watermark() -> None:
    """The partition's largest day counts, not the customer's: the customer's own next posting may still be late."""
    for newest, judged in ((DAY0 + 203, True), (DAY0 + 204, False)):
        subject = Subject()
        subject.apply(Movement(DAY0, "0", 1000), RULE, 0, DAY0)
        verdicts = subject.apply(Movement(DAY0 + 200, "1", 5000, True), RULE, 0, newest)
        assert [type(v) for v in verdicts] == ([Raised] if judged else [])
        if judged:
            assert verdicts[0].late, "it came behind the partition's newest day"
        assert subject.history.base + sum(subject.history.nets) == 6000


def test_a_late_first_posting_gives_a_history_to_later_credits() -> None:
    rule, at = replace(RULE, lateness_days=300), DAY0 + 250
    subject = Subject()
    assert subject.apply(Movement(at, "1", 500, True), rule, 0, at) == []
    (verdict,) = subject.apply(Movement(DAY0, "0", 100), rule, 0, at)
    assert (verdict.key, verdict.day) == ("1", at)


def test_a_late_credit_takes_the_cool_down_from_a_later_one() -> None:
    rule, at = replace(RULE, lateness_days=30, cooldown_days=30), DAY0 + 250
    subject = Subject()
    subject.apply(Movement(DAY0, "0", 1000), rule, 0, DAY0)
    (first,) = subject.apply(Movement(at, "2", 5000, True), rule, 0, at)
    verdicts = subject.apply(Movement(at - 5, "1", 5000, True), rule, 0, at)
    assert [(type(v), v.key) for v in verdicts] == [(Raised, "1"), (Withdrawn, "2")]
    assert (first.late, verdicts[0].late) == (False, True)


def test_the_first_credit_of_a_day_keeps_the_cool_down_whatever_the_ids_are() -> None:
    rule, at = replace(RULE, cooldown_days=30), DAY0 + 200
    nine, ten = Movement(at, "9", 5000, True, moment=9), Movement(at, "10", 5000, True, moment=10)
    assert standing(history(nine, ten), rule)[0] == standing(history(ten, nine), rule)[0] == {"9": at}


def test_a_reversal_withdraws_and_ends_the_cool_down() -> None:
    rule, at = replace(RULE, cooldown_days=30), DAY0 + 200
    wrong, undo, right = (
        Movement(at, "3", 5000, True),
        Movement(at, "4", -5000, False, "3"),
        Movement(at, "5", 5000, True),
    )
    assert standing(history(wrong, undo, right), rule)[0] == {"5": at}
    assert standing(history(right, undo, wrong), rule)[0] == {"5": at}


def test_what_was_held_back_before_the_reversal_stays_held_back() -> None:
    rule, at = replace(RULE, cooldown_days=30), DAY0 + 200
    ledger = history(
        Movement(at, "3", 5000, True), Movement(at + 1, "4", 5000, True), Movement(at + 2, "5", -5000, False, "3")
    )
    assert standing(ledger, rule)[0] == {}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 8, 31), date(2024, 2, 29)),
        (date(2023, 8, 31), date(2023, 2, 28)),
        (date(2024, 1, 1), date(2023, 7, 1)),
        (date(2024, 6, 30), date(2023, 12, 30)),
        (date(2024, 5, 31), date(2023, 11, 30)),
        (date(2024, 12, 31), date(2024, 6, 30)),
    ],
)
def test_months_are_clamped_to_the_end_of_the_month(day: date, expected: date) -> None:
    assert date.fromordinal(months_before(day.toordinal(), 6)) == expected
