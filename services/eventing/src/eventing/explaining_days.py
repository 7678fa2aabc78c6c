"""Why a trigger found something on a day, or did not: shapes that wait for a day to be over, and the calendar.

No fact has to lie on such a day. As in `explaining_shapes`, the states that judge the stream judge here too. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eventing.compiled import CANDIDATE, Compiled
from eventing.definition import Calendar
from eventing.explaining import Explanation, Part, Value
from eventing.explaining_shapes import Seen, Step, Words, condition, enabled, figures, on_day, rest, told
from eventing.shapes import dated
from eventing.shapes.dated import Dated, DatedFact
from eventing.shapes.periods import Every, day_of, end_of
from eventing.verdicts import Anchor, Raised

_DATE: Words = ("date", "该日期")
_A_YEAR = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class DayQuestion(Seen):
    """A day under one version of a trigger that finds something without a fact.

    `today` is the business day, which a calendar goes by; `dates` are all that the datasets know of the customer.
    """

    day: int
    today: int
    dates: Sequence[DatedFact] = ()


def goes_by_days(trigger: Compiled) -> bool:
    """Whether it is a day that this trigger finds something on, not a fact."""
    return trigger.has_timer


def explain_day(question: DayQuestion) -> Explanation:
    """Go through the parts of the trigger, up to the first that fails."""
    return told(question.trigger, question.currency, _steps(question))


def _steps(q: DayQuestion) -> Iterator[Step]:
    yield enabled(q.trigger)
    yield from (_calendar(q) if q.trigger.kind == "calendar" else _timed(q))


# --- days that are over ----------------------------------------------------------------------------------------------


def _timed(q: DayQuestion) -> Iterator[Step]:
    yield _looked_at(q)
    settled = q.newest - q.trigger.lateness - 1
    yield (
        Part("settled", q.day <= settled, {"settled": day_of(settled) if settled > 0 else None}),
        (f"it is found, or not, when {day_of(q.day)} is settled", f"须待 {day_of(q.day)} 结算后判断"),
    )
    found = q.found_on(q.day)
    values: dict[str, Value] = {}
    beside: tuple[int | None, int | None] | None = q.figures_of(q.day)
    if found:
        values["event_key"] = found[0].key
        beside = found[0].amount, found[0].compared_with
    shown = figures(q, *beside) if beside is not None else ("", "")
    if beside is not None:
        values |= {"amount_minor": beside[0], "compared_with_minor": beside[1]}
    there, missing = on_day(q.day, shown)
    yield Part(q.trigger.kind, bool(found), values), there if found else missing
    last = q.last_before(q.day)
    yield rest(q.trigger, last, last.frees(q.day, q.trigger.cooldown), there)


def _looked_at(q: DayQuestion) -> Step:
    """Whether the trigger judges this customer on this day."""
    definition = q.trigger.definition
    if definition.absence is not None:
        return _waited_for(q, definition.absence.within.number)
    if definition.silence is not None and definition.silence.had is None:
        return _silent_since(q, definition.silence.for_.number)
    every: Every = definition.change.every if definition.change is not None else "month"
    due = end_of(every, q.day)
    of, of_zh = ("week", "每周末") if every == "week" else ("month", "每月末")
    words = (
        f"it judges at the end of each {of}, next on {day_of(due)}",
        f"该触发器于{of_zh}判断，下一次为 {day_of(due)}",
    )
    return Part("due", due == q.day, {"due": day_of(due)}), words


def _waited_for(q: DayQuestion, within: int) -> Step:
    begins = [f for f in q.seen() if f.day == q.day - within and q.trigger.marks(f) & CANDIDATE]
    begun = day_of(q.day - within)
    words = (f"nothing of {begun} waits for this day", f"{begun} 没有需要等到当日的事件")
    values: dict[str, Value] = {"begun_on": begun, "begun_by": begins[0].key if begins else None}
    return Part("due", bool(begins), values), words


def _silent_since(q: DayQuestion, span: int) -> Step:
    last = max((f.day for f in q.seen() if f.day <= q.day and q.trigger.marks(f)), default=0)
    if not last:
        return Part("due", False, {"last": None}), ("nothing that would have to go on has begun", "尚无可中断的事件")
    due = last + span
    words = (
        f"the last one is of {day_of(last)}: the silence has lasted on {day_of(due)}",
        f"最近一次为 {day_of(last)}，静默期满日为 {day_of(due)}",
    )
    return Part("due", due == q.day, {"last": day_of(last), "due": day_of(due)}), words


# --- the calendar ----------------------------------------------------------------------------------------------------


def _calendar(q: DayQuestion) -> Iterator[Step]:
    mine = [one for one in q.dates if one.of == _of(q).of and (not q.account or one.account == q.account)]
    falls = [one for one in mine if _days(q, one, q.day, q.day)]
    yield _falls(q, mine, falls)
    fit = [one for one in falls if all(part.ask(one.row) for part in q.trigger.parts)]
    shown = (fit or falls)[0]
    yield condition(q.trigger, shown.row, _DATE)
    found = list(dated.hits_of(q.trigger, fit, q.day, q.day))
    known = day_of(shown.known) if shown.known else None
    yield (
        Part("lateness", bool(found), {"known_on": known, "lateness_days": q.trigger.lateness}),
        (f"the date became known on {known}, too late for this day", f"该日期于 {known} 才得知，已过当日时效"),
    )
    yield (
        Part("settled", q.day <= q.today, {"business_date": day_of(q.today)}),
        (f"business time has come to {day_of(q.today)}, not to this day", f"业务日期为 {day_of(q.today)}，尚未到该日"),
    )
    there, _ = on_day(q.day, figures(q, found[0].amount, None))
    values: dict[str, Value] = {"event_key": found[0].key, "date": day_of(shown.day), "amount_minor": found[0].amount}
    yield Part("calendar", True, values), there
    verdicts = Dated().fire(q.day, q.trigger, mine)
    earlier = [one for one in verdicts if isinstance(one, Raised) and one.day < q.day]
    last = Anchor(earlier[-1].day, earlier[-1].key) if earlier else Anchor()
    yield rest(q.trigger, last, last.frees(q.day, q.trigger.cooldown), there)


def _of(q: DayQuestion) -> Calendar:
    assert q.trigger.definition.calendar is not None  # noqa: S101 - the trigger's shape is the calendar
    return q.trigger.definition.calendar


def _days(q: DayQuestion, one: DatedFact, first: int, last: int) -> list[int]:
    """The days from `first` to `last` on which the calendar looks at a date."""
    calendar = _of(q)
    found = [(o, d) for o in calendar.offsets for d in dated.occurrences(calendar, one.day, first - o, last - o)]
    return [day + offset for offset, day in found]


def _falls(q: DayQuestion, mine: Sequence[DatedFact], falls: Sequence[DatedFact]) -> Step:
    """Whether a date of the customer has its day on this one, else which day is the nearest."""
    of = _of(q).of
    near = [(abs(day - q.day), day, one) for one in mine for day in _days(q, one, q.day - _A_YEAR, q.day + _A_YEAR)]
    if not near:
        said = (f"no {of} is known that would be looked at within a year", f"前后一年内没有需要处理的 {of}")
        return Part("due", False, {"of": of}), said
    _, day, one = min(near)
    values: dict[str, Value] = {"of": of, "source_id": one.source_id, "date": day_of(one.day), "due": day_of(day)}
    return Part("due", bool(falls), values), (
        f"no {of} is looked at on this day; nearest is {day_of(one.day)} ({one.source_id}), on {day_of(day)}",
        f"当日没有需要处理的 {of}；最近的是 {one.source_id} 的 {day_of(one.day)}，处理日为 {day_of(day)}",
    )
