"""Why a trigger did or did not fire on what a customer did, or on a day: from live state, or from the lake (X37, X38).

Asking changes nothing: everything is read in one read-only transaction, and the lake by a process of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import orjson

from attune_service_kit.database import Scope
from attune_service_kit.errors import Invalid, NotFound
from attune_service_kit.runtime import Runtime
from eventing import behaviours, explaining, postings, triggers, why_facts
from eventing.compiled import Compiled
from eventing.explaining import Came, Explanation, Question
from eventing.explaining_days import DayQuestion, explain_day, goes_by_days
from eventing.explaining_shapes import ShapeQuestion, explain_shape
from eventing.facts import Fact, of_posting
from eventing.facts import ordinal as ordinal_of
from eventing.judging import Rule, Subject
from eventing.why_facts import Facts, Known, Looked, Row, Wanted

MOST_POSTINGS = 100
_WAITING = """
SELECT account_id, posting::text AS posting, received_at FROM intake_pending
WHERE posting_id = $1 ORDER BY received_at LIMIT 1"""


class UnknownPosting(NotFound):
    """There is no such posting, behaviour or customer, or nothing to judge, or it is not the caller's to see."""

    code = "unknown_posting"


class TooManyPostings(Invalid):
    """The day holds more postings and behaviours than one answer explains: name one."""

    code = "too_many_postings"


@dataclass(frozen=True, slots=True)
class ToldLook:
    """What every trigger says of one behaviour; `detections` are those of this behaviour, by trigger."""

    known: Looked
    explanations: Sequence[Explanation]
    detections: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Told:
    """What every trigger says of one posting; `detections` are those of this posting, by trigger."""

    known: Known
    account_source_id: str | None
    explanations: Sequence[Explanation]
    detections: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, where, how far the customer's partition has come, and the version of each trigger that judges."""

    source: Literal["state", "lake", "intake"]
    newest: date | None
    current: Mapping[str, int]
    told: Sequence[Told]
    looked: Sequence[ToldLook] = ()
    day: Sequence[tuple[Explanation, Row | None]] = ()
    """What the triggers say of the day that find something without a fact, with the day's detection."""


async def why(runtime: Runtime, scope: Scope, wanted: Wanted) -> Answer:
    """Explain a posting, a behaviour, or a day. Refuses with UnknownPosting, TooManyPostings, or Unavailable."""
    async with runtime.database.snapshot(scope) as conn:
        facts = await why_facts.of_customer(conn, scope, wanted.customer_id)
        waits: Any = None if wanted.posting_id is None else await conn.fetchrow(_WAITING, wanted.posting_id)
    if facts.anything:
        told = from_state(facts, wanted)
        if told is not None:
            return Answer("state", facts.newest, facts.current, [told])
        await why_facts.add_lake(runtime, facts, wanted.customer_id)
        answer = await asyncio.to_thread(from_everything, facts, wanted, runtime.clock.business_date())
        if answer.told or answer.looked or answer.day:
            return answer
    # Whose it is nobody knows: it is shown to those who see everybody.
    if waits is not None and scope.kind == "all":
        return Answer("intake", facts.newest, facts.current, [_waiting(facts, wanted, waits)])
    raise UnknownPosting(
        "there is no such posting or behaviour of this customer, and nothing to judge on the day",
        "该客户没有此交易或行为，当日也没有可判断的内容",
    )


# --- answers ---------------------------------------------------------------------------------------------------------


def from_state(facts: Facts, wanted: Wanted) -> Told | None:
    """Explain a streamed posting from live state; None if the state has let go of it, or other versions are asked."""
    asked = facts.asked(wanted)
    if wanted.posting_id is None or len(asked) != 1 or wanted.every_version:
        return None
    (one,) = asked
    explanations = []
    chosen = facts.chosen_versions(wanted)
    if any(row["definition"] is not None for row in chosen):
        return None  # other shapes ask more than their own state knows
    for row in chosen:
        subject = facts.subjects.get(row["name"], Subject())
        question = _question(facts, one, row, subject, reversed_=None)
        if question is None:
            return None
        explanations.append(explaining.explain(question))
    return _told(facts, one, explanations)


def from_everything(facts: Facts, wanted: Wanted, today: date) -> Answer:
    """Explain what is asked about from the customer's whole history, taken in order."""
    asked = facts.asked(wanted)
    looks = [one for one in facts.looked.values() if wanted.means(one.behaviour)]
    if len(asked) + len(looks) > MOST_POSTINGS:
        raise TooManyPostings("the day holds too many postings: name one", "当日交易过多，请指定一笔")
    return Answer(
        "lake",
        facts.newest,
        facts.current,
        from_postings(facts, asked, wanted) if asked else [],
        _from_behaviours(facts, looks, wanted),
        [] if wanted.business_date is None else _of_the_day(facts, wanted, wanted.business_date, today),
    )


def from_postings(facts: Facts, asked: Sequence[Known], wanted: Wanted) -> list[Told]:
    """Explain postings from the customer's whole history, taken in order."""
    deposits = explaining.deposits((one.posting for one in facts.known.values()), facts.currency)
    undone = {(p.reverses, p.business_date) for p in deposits if p.reverses is not None}
    found: list[list[Explanation]] = [[] for _ in asked]
    known_facts = facts.facts()
    for row in facts.chosen_versions(wanted):
        if row["definition"] is not None:
            for one, explanations in zip(asked, found, strict=True):
                explanations.append(explain_shape(_shape_question(facts, one, row, known_facts)))
            continue
        rule, event_type = triggers.rule(row), row["event_type"]
        subjects: dict[date, Subject] = {}
        for one, explanations in zip(asked, found, strict=True):
            day = one.posting.business_date
            if day not in subjects:
                ordinal = ordinal_of(day)
                subjects[day] = explaining.subject_after(deposits, ordinal, rule, event_type, facts.opening)
            key = one.posting.posting_id
            reversed_ = any(undone_key == key and when >= day for undone_key, when in undone)
            question = _question(facts, one, row, subjects[day], reversed_=reversed_)
            assert question is not None  # noqa: S101 - after its day every candidate is open
            explanations.append(explaining.explain(question))
    return [_told(facts, one, explanations) for one, explanations in zip(asked, found, strict=True)]


def _question(facts: Facts, one: Known, row: Row, subject: Subject, *, reversed_: bool | None) -> Question | None:
    """The question about a posting under one version; None if the state knows no more about a candidate."""
    rule: Rule = triggers.rule(row)
    posting = one.posting
    judgement = subject.judgement(posting.posting_id, rule, facts.opening)
    place = postings.place(posting)
    detection = facts.detections_of(posting.posting_id).get(rule.name)
    question = Question(
        posting=posting,
        came=one.came,
        rule=rule,
        event_type=row["event_type"],
        currency=facts.currency,
        newest=ordinal_of(facts.newest) if facts.newest else 0,
        judgement=judgement,
        reversed=subject.reversed_by(place) if reversed_ is None else reversed_,
        in_force=facts.in_force(rule.name, one.received_at),
        detected_by=detection["trigger_version"] if detection else None,
    )
    return question if judgement is not None or explaining.is_settled_before(question) else None


def _shape_question(facts: Facts, one: Known, row: Row, known: Sequence[Fact]) -> ShapeQuestion:
    return _about(facts, of_posting(one.posting), one.posting.currency, one.came, row, known)


def _about(facts: Facts, fact: Fact, paid_in: str, came: Came, row: Row, known: Sequence[Fact]) -> ShapeQuestion:
    trigger = triggers.compiled(row, facts.currency)
    detection = facts.detections_of(fact.key).get(trigger.name)
    return ShapeQuestion(
        fact=fact,
        paid_in=paid_in,
        came=came,
        trigger=trigger,
        currency=facts.currency,
        newest=ordinal_of(facts.newest) if facts.newest else 0,
        known=known,
        openings=facts.openings,
        account=fact.account if trigger.by_account else b"",
        detected_by=detection["trigger_version"] if detection else None,
    )


def _from_behaviours(facts: Facts, asked: Sequence[Looked], wanted: Wanted) -> list[ToldLook]:
    known = facts.facts() if asked else []
    # What the trigger of before asks is asked of postings alone.
    rows = [row for row in facts.chosen_versions(wanted) if row["definition"] is not None]
    told = []
    for one in sorted(asked, key=lambda one: one.behaviour.occurred_at):
        fact = behaviours.fact(one.behaviour)
        explanations = [explain_shape(_about(facts, fact, "", one.came, row, known)) for row in rows]
        told.append(ToldLook(one, explanations, facts.detections_of(fact.key)))
    return told


def _of_the_day(facts: Facts, wanted: Wanted, day: date, today: date) -> list[tuple[Explanation, Row | None]]:
    known = facts.facts()
    told: list[tuple[Explanation, Row | None]] = []
    for row in facts.chosen_versions(wanted):
        trigger = triggers.compiled(row, facts.currency)
        if row["definition"] is None or not goes_by_days(trigger):
            continue
        for account in _subjects(facts, trigger):
            question = DayQuestion(
                trigger=trigger,
                currency=facts.currency,
                newest=ordinal_of(facts.newest) if facts.newest else 0,
                known=known,
                openings=facts.openings,
                account=account,
                day=ordinal_of(day),
                today=ordinal_of(today),
                dates=facts.dates,
            )
            told.append((explain_day(question), facts.detection_on(day, trigger.name)))
    return told


def _subjects(facts: Facts, trigger: Compiled) -> list[bytes]:
    """Whose facts are seen together: the customer's, or those of each account."""
    return [account.bytes for account in facts.accounts] if trigger.by_account else [b""]


def _waiting(facts: Facts, wanted: Wanted, row: Row) -> Told:
    fields = orjson.loads(row["posting"]) | {"account_id": row["account_id"], "customer_id": wanted.customer_id}
    known = Known(postings.read(fields), "waiting", row["received_at"])
    explanations = [explaining.waiting(triggers.compiled(one, known.posting.currency), known.posting.currency)
                    for one in facts.chosen_versions(wanted)]  # fmt: skip
    return Told(known, None, explanations, {})


def _told(facts: Facts, one: Known, explanations: Sequence[Explanation]) -> Told:
    account = facts.accounts[one.posting.account_id]
    return Told(one, account["source_id"], explanations, facts.detections_of(one.posting.posting_id))
