"""The breaker and its budget of repetitions, held to a plain list of what happened (P-21)."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_service_kit.breaker import BUDGET, LEAST, PAUSE, SHARE, SPARE, WINDOW, Breaker, BreakerOpen, State


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Plain:
    """The same rules in words: every call that ended while closed, with its second."""

    ended: list[tuple[int, bool]] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)

    def within(self, now: float) -> list[bool]:
        return [good for second, good in self.ended if int(now) - second < WINDOW]

    def opens(self, now: float) -> bool:
        seen = self.within(now)
        return len(seen) >= LEAST and seen.count(False) >= SHARE * len(seen)

    def repeats_one(self, now: float) -> bool:
        lately = [second for second in self.repeats if int(now) - second < WINDOW]
        allowed = len(lately) + 1 <= max(SPARE, BUDGET * len(self.within(now)))
        if allowed:
            self.repeats.append(int(now))
        return allowed


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("worked"), st.integers(1, 15)),
        st.tuples(st.just("failed"), st.integers(1, 15)),
        st.tuples(st.just("repeat"), st.integers(1, 5)),
        st.tuples(st.just("wait"), st.floats(0.0, 1.5 * WINDOW)),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_it_opens_and_closes_and_repeats_as_the_plain_rules_say(steps: list[tuple[str, float]]) -> None:
    clock, plain, told = Clock(), Plain(), list[State]()
    breaker = Breaker(told.append, now=clock)
    since: float | None = None  # when it opened, or was last tried
    for what, how in steps:
        if what == "wait":
            clock.now += how
            continue
        for _ in range(int(how)):
            if what == "repeat":
                assert breaker.may_repeat() == plain.repeats_one(clock.now)
                continue
            if since is not None and clock.now < since + PAUSE:
                with pytest.raises(BreakerOpen) as refused:
                    breaker.admit()
                assert refused.value.seconds == pytest.approx(since + PAUSE - clock.now)
                continue
            ticket = breaker.admit()
            assert breaker.state == ("closed" if since is None else "half_open")
            good = what == "worked"
            (breaker.worked if good else breaker.failed)(ticket)
            if since is not None:
                since = None if good else clock.now
                plain.ended.clear()
            else:
                plain.ended.append((int(clock.now), good))
                if not good and plain.opens(clock.now):
                    since = clock.now
            assert (breaker.state == "closed") == (since is None)
    assert all(one != other for one, other in pairwise(told)), "each change is told once"


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(now=clock)
    for _ in range(LEAST):
        breaker.failed(breaker.admit())
    assert (breaker.state, breaker.opened) == ("open", 1)
    return breaker


def test_one_is_let_through_each_pause_and_the_others_are_refused_at_once() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += PAUSE
    breaker.admit()  # its caller leaves: nobody ever says what became of it
    with pytest.raises(BreakerOpen):
        breaker.admit()
    clock.now += PAUSE
    breaker.worked(breaker.admit())
    assert breaker.state == "closed"
    assert [breaker.admit() for _ in range(3)] == [breaker.admit()] * 3


def test_a_verdict_of_before_the_last_change_counts_nothing() -> None:
    clock = Clock()
    breaker = Breaker(now=clock)
    early = breaker.admit()
    for _ in range(LEAST):
        breaker.failed(breaker.admit())
    breaker.worked(early)
    with pytest.raises(BreakerOpen):
        breaker.admit()
    clock.now += PAUSE
    first = breaker.admit()
    clock.now += PAUSE
    breaker.worked(breaker.admit())
    breaker.failed(first)
    assert breaker.state == "closed"


def test_a_call_that_must_be_made_is_let_through_and_decides_nothing() -> None:
    clock = Clock()
    breaker = opened(clock)
    for _ in range(3):
        breaker.worked(breaker.admit(anyway=True))
    with pytest.raises(BreakerOpen):
        breaker.admit()
    clock.now += PAUSE
    breaker.worked(breaker.admit(anyway=True))
    assert breaker.state == "closed"


def test_ten_percent_of_many_calls_are_repeated_and_no_more() -> None:
    clock = Clock()
    breaker = Breaker(now=clock)
    for _ in range(200):
        breaker.worked(breaker.admit())
    assert [breaker.may_repeat() for _ in range(25)].count(True) == 20
    assert breaker.repeated == 20
