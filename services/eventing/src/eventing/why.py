"""Why a trigger did or did not fire on a customer's postings: facts from live state, or from the lake (X37, X38).

Asking changes nothing: everything is read in one read-only transaction, and the lake by a process of its own.
"""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import structlog

from attune_contracts.ledger import AccountKind, TransactionPosted
from attune_service_kit.database import Scope
from attune_service_kit.errors import Invalid, NotFound, Unavailable
from attune_service_kit.runtime import Runtime
from eventing import explaining, postings, triggers, visibility
from eventing.explaining import Came, Explanation, Question
from eventing.explaining_shapes import ShapeQuestion, explain_shape
from eventing.facts import DEPOSITS, of_posting
from eventing.facts import ordinal as ordinal_of
from eventing.judging import Rule, Subject

log = structlog.get_logger(__name__)

READING_SECONDS = 20.0
MOST_POSTINGS = 100
_READERS = ThreadPoolExecutor(2, thread_name_prefix="lake-reader")

_ACCOUNTS = f"""
SELECT o.account_id, o.source_id, o.kind, o.partition, o.opening_balance_minor AS opening
FROM account_owner o WHERE o.customer_id = $4 AND {visibility.seen("o")}"""  # noqa: S608 - constants of this package
_STATE = """
SELECT (SELECT currency FROM base_currency) AS currency,
       (SELECT business_date FROM ledger_partition WHERE partition = $1) AS newest"""
# What a rebuild has marked as known is read from the lake, where it is whole.
_STREAMED = """
SELECT account_id, posting_id, business_date, booked_at, direction, amount_minor, currency, kind, channel, flags,
       reverses, came, received_at
FROM posting WHERE account_id = any($1::uuid[]) AND came <> 'lake'"""
_WAITING = """
SELECT account_id, posting::text AS posting, received_at FROM intake_pending
WHERE posting_id = $1 ORDER BY received_at LIMIT 1"""
_DETECTIONS = """
SELECT detection_id, trigger, trigger_version, event_key, state, reason, late FROM detection WHERE customer_id = $1"""
_PACKED = "SELECT trigger, packed FROM keyed_state WHERE customer_id = $1 AND trigger = any($2::text[])"

Row = Mapping[str, Any]


class UnknownPosting(NotFound):
    """There is no such posting, customer, or day with postings, or it is not the caller's to see."""

    code = "unknown_posting"


class TooManyPostings(Invalid):
    """The day holds more postings than one answer explains: name one."""

    code = "too_many_postings"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One posting, or a day's; every version of each trigger, drafts too, or the one that judges."""

    customer_id: UUID
    posting_id: str | None = None
    business_date: date | None = None
    every_version: bool = False

    def names(self, posting: TransactionPosted) -> bool:
        """Whether the question is about this posting."""
        return self.posting_id in (None, posting.posting_id) and self.business_date in (None, posting.business_date)


@dataclass(frozen=True, slots=True)
class Known:
    """One posting and how it came; `received_at` is wall time."""

    posting: TransactionPosted
    came: Came
    received_at: datetime | None = None


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


@dataclass(slots=True)
class Facts:
    """What the database says of a customer; `versions` are the triggers', the newest first."""

    accounts: Mapping[UUID, Row]
    versions: Sequence[Row]
    currency: str
    newest: date | None
    known: dict[tuple[UUID, str], Known]
    detections: Sequence[Row]
    subjects: Mapping[str, Subject]

    @property
    def opening(self) -> int:
        """The sum of the deposit accounts' opening balances."""
        return sum(a["opening"] for a in self.accounts.values() if AccountKind(a["kind"]) in DEPOSITS)

    @property
    def current(self) -> dict[str, int]:
        """The version of each trigger that judges; a trigger that has only drafts is left out."""
        return {row["name"]: row["in_force"] for row in self.versions if row["in_force"] is not None}

    def asked(self, wanted: Wanted) -> list[Known]:
        """The postings in question, in business order."""
        chosen = [one for one in self.known.values() if wanted.names(one.posting)]
        return sorted(chosen, key=lambda one: postings.place(one.posting))

    def chosen_versions(self, wanted: Wanted) -> list[Row]:
        """The versions to explain."""
        current = self.current
        return [row for row in self.versions if wanted.every_version or row["version"] == current.get(row["name"])]

    def detections_of(self, posting: TransactionPosted) -> dict[str, Row]:
        """The posting's detections by trigger, standing or not."""
        return {row["trigger"]: row for row in self.detections if row["event_key"] == posting.posting_id}

    def in_force(self, trigger: str, received_at: datetime | None) -> int | None:
        """The version that was in force when a posting came."""
        if received_at is None:
            return None
        judged = (r for r in self.versions if r["name"] == trigger and r["backfilled_at"] is not None)
        newest = next((r for r in judged if r["backfilled_at"] <= received_at), None)
        ended = newest is not None and newest["ended_at"] is not None and newest["ended_at"] <= received_at
        return None if newest is None or ended else newest["version"]


async def why(runtime: Runtime, scope: Scope, wanted: Wanted) -> Answer:
    """Explain a posting, or a day's. Refuses with UnknownPosting, TooManyPostings, or Unavailable."""
    async with runtime.database.snapshot(scope) as conn:
        facts = await _facts(conn, scope, wanted.customer_id)
        waits: Any = None if wanted.posting_id is None else await conn.fetchrow(_WAITING, wanted.posting_id)
    if facts.accounts:
        told = from_state(facts, wanted)
        if told is not None:
            return Answer("state", facts.newest, facts.current, [told])
        await _add_lake(runtime, facts, wanted.customer_id)
        if asked := facts.asked(wanted):
            if len(asked) > MOST_POSTINGS:
                raise TooManyPostings("the day holds too many postings: name one", "当日交易过多，请指定一笔")
            told_all = await asyncio.to_thread(from_postings, facts, asked, wanted)
            return Answer("lake", facts.newest, facts.current, told_all)
    # Whose it is nobody knows: it is shown to those who see everybody.
    if waits is not None and scope.kind == "all":
        return Answer("intake", facts.newest, facts.current, [_waiting(facts, wanted, waits)])
    raise UnknownPosting("there is no such posting of this customer", "该客户没有此交易")


# --- facts -----------------------------------------------------------------------------------------------------------


async def _facts(conn: Any, scope: Scope, customer_id: UUID) -> Facts:
    rows = await conn.fetch(_ACCOUNTS, *visibility.arguments(scope), customer_id)
    accounts = {row["account_id"]: row for row in rows}
    state = await conn.fetchrow(_STATE, rows[0]["partition"] if rows else 0)
    streamed = await conn.fetch(_STREAMED, list(accounts))
    versions = await triggers.versions(conn)
    plain = [row["name"] for row in versions if row["definition"] is None]
    return Facts(
        accounts=accounts,
        versions=versions,
        currency=state["currency"] or "",
        newest=state["newest"],
        known={
            (row["account_id"], row["posting_id"]): Known(
                _posting(row, accounts[row["account_id"]], customer_id), row["came"], row["received_at"]
            )
            for row in streamed
        },
        detections=await conn.fetch(_DETECTIONS, customer_id) if accounts else [],
        subjects={
            row["trigger"]: Subject.unpack(row["packed"]) for row in await conn.fetch(_PACKED, customer_id, plain)
        },
    )


async def _add_lake(runtime: Runtime, facts: Facts, customer_id: UUID) -> None:
    """Add the postings that came by file to those that came by the stream."""
    settings = runtime.settings
    question = orjson.dumps(
        {
            "lake_url": settings.lake_url,
            "scratch": str(settings.scratch),
            "accounts": [str(account) for account in facts.accounts],
        }
    )
    try:
        async with asyncio.timeout(READING_SECONDS):
            rows = await asyncio.get_running_loop().run_in_executor(_READERS, _ask_reader, question)
    except (subprocess.SubprocessError, OSError, TimeoutError) as error:
        log.warning("lake_not_read", error=type(error).__name__)
        raise Unavailable("the lake cannot be read just now", "暂时无法读取数据湖", retry_after=5) from error
    for row in rows:
        account = UUID(row["account_id"])
        known = Known(_posting(row, facts.accounts[account], customer_id), "lake")
        facts.known.setdefault((account, row["posting_id"]), known)


def _ask_reader(question: bytes) -> list[Row]:
    command = [sys.executable, "-m", "eventing.jobs.postings_of"]
    done = subprocess.run(command, input=question, capture_output=True, timeout=READING_SECONDS, check=True)
    return list(orjson.loads(done.stdout))


_OWN = ("came", "received_at")


def _posting(row: Row, account: Row, customer_id: UUID) -> TransactionPosted:
    fields = {key: value for key, value in dict(row).items() if key not in _OWN}
    return postings.read(fields | {"customer_id": customer_id, "account_kind": account["kind"]})


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


def from_postings(facts: Facts, asked: Sequence[Known], wanted: Wanted) -> list[Told]:
    """Explain postings from the customer's whole history, taken in order."""
    deposits = explaining.deposits((one.posting for one in facts.known.values()), facts.currency)
    undone = {(p.reverses, p.business_date) for p in deposits if p.reverses is not None}
    found: list[list[Explanation]] = [[] for _ in asked]
    for row in facts.chosen_versions(wanted):
        if row["definition"] is not None:
            for one, explanations in zip(asked, found, strict=True):
                explanations.append(explain_shape(_shape_question(facts, one, row)))
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
    detection = facts.detections_of(posting).get(rule.name)
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


def _shape_question(facts: Facts, one: Known, row: Row) -> ShapeQuestion:
    trigger = triggers.compiled(row, facts.currency)
    detection = facts.detections_of(one.posting).get(trigger.name)
    return ShapeQuestion(
        posting=one.posting,
        came=one.came,
        trigger=trigger,
        currency=facts.currency,
        newest=ordinal_of(facts.newest) if facts.newest else 0,
        known=[of_posting(k.posting) for k in facts.known.values() if k.posting.currency == facts.currency],
        openings={
            account.bytes: a["opening"] for account, a in facts.accounts.items() if AccountKind(a["kind"]) in DEPOSITS
        },
        detected_by=detection["trigger_version"] if detection else None,
    )


def _waiting(facts: Facts, wanted: Wanted, row: Row) -> Told:
    fields = orjson.loads(row["posting"]) | {"account_id": row["account_id"], "customer_id": wanted.customer_id}
    known = Known(postings.read(fields), "waiting", row["received_at"])
    explanations = [explaining.waiting(triggers.compiled(one, known.posting.currency), known.posting.currency)
                    for one in facts.chosen_versions(wanted)]  # fmt: skip
    return Told(known, None, explanations, {})


def _told(facts: Facts, one: Known, explanations: Sequence[Explanation]) -> Told:
    account = facts.accounts[one.posting.account_id]
    return Told(one, account["source_id"], explanations, facts.detections_of(one.posting))
