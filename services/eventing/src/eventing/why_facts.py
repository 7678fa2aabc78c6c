"""What is known of one customer, to say why a trigger did or did not fire: from the database, and from the lake."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog

from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.ledger import AccountKind, TransactionPosted
from attune_service_kit.database import Scope
from attune_service_kit.errors import Unavailable
from attune_service_kit.runtime import Runtime
from eventing import behaviours, postings, timers, triggers, visibility
from eventing.explaining import Came
from eventing.facts import DEPOSITS, Fact, of_posting
from eventing.judging import Subject
from eventing.shapes.dated import DatedFact

log = structlog.get_logger(__name__)

READING_SECONDS = 20.0
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
_LOOKED = """
SELECT customer_id, behaviour_id, business_date, occurred_at, behaviour, product, step, channel, seconds, came,
       received_at
FROM behaviour WHERE customer_id = $1 AND came <> 'lake'"""
_DETECTIONS = """
SELECT detection_id, trigger, trigger_version, event_key, business_date, state, reason, late
FROM detection WHERE customer_id = $1"""
_PACKED = "SELECT trigger, packed FROM keyed_state WHERE customer_id = $1 AND trigger = any($2::text[])"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One posting, one behaviour, or a day's; of every trigger or one of them.

    Every version, drafts too, or the one that judges.
    """

    customer_id: UUID
    posting_id: str | None = None
    behaviour_id: str | None = None
    business_date: date | None = None
    trigger: str | None = None
    every_version: bool = False

    def names(self, posting: TransactionPosted) -> bool:
        """Whether the question is about this posting."""
        return posting.posting_id == self.posting_id or posting.business_date == self.business_date

    def means(self, behaviour: BehaviourRecorded) -> bool:
        """Whether the question is about this behaviour."""
        return behaviour.behaviour_id == self.behaviour_id or behaviour.business_date == self.business_date


@dataclass(frozen=True, slots=True)
class Known:
    """One posting and how it came; `received_at` is wall time."""

    posting: TransactionPosted
    came: Came
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """One behaviour and how it came; `received_at` is wall time."""

    behaviour: BehaviourRecorded
    came: Came
    received_at: datetime | None = None


@dataclass(slots=True)
class Facts:
    """What the database says of a customer; `versions` are the triggers', the newest first."""

    accounts: Mapping[UUID, Row]
    versions: Sequence[Row]
    currency: str
    newest: date | None
    known: dict[tuple[UUID, str], Known]
    looked: dict[str, Looked]
    dates: Sequence[DatedFact]
    detections: Sequence[Row]
    subjects: Mapping[str, Subject]

    @property
    def anything(self) -> bool:
        """Whether anything is known of the customer, and the caller's to see."""
        return bool(self.accounts or self.looked or self.dates)

    @property
    def openings(self) -> dict[bytes, int]:
        """The opening balances of the deposit accounts."""
        return {
            account.bytes: a["opening"] for account, a in self.accounts.items() if AccountKind(a["kind"]) in DEPOSITS
        }

    def facts(self) -> list[Fact]:
        """What triggers judge: postings in the base currency, and behaviours."""
        posted = [of_posting(k.posting) for k in self.known.values() if k.posting.currency == self.currency]
        return posted + [behaviours.fact(k.behaviour) for k in self.looked.values()]

    @property
    def opening(self) -> int:
        """The sum of the deposit accounts' opening balances."""
        return sum(self.openings.values())

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
        rows = (row for row in self.versions if wanted.trigger in (None, row["name"]))
        return [row for row in rows if wanted.every_version or row["version"] == current.get(row["name"])]

    def detections_of(self, key: str) -> dict[str, Row]:
        """The detections of a posting or a behaviour by trigger, standing or not."""
        return {row["trigger"]: row for row in self.detections if row["event_key"] == key}

    def detection_on(self, day: date, trigger: str) -> Row | None:
        """The trigger's detection of a day; one that stands before one that was withdrawn."""
        found = [row for row in self.detections if (row["business_date"], row["trigger"]) == (day, trigger)]
        return min(found, key=lambda row: str(row["state"]), default=None)

    def in_force(self, trigger: str, received_at: datetime | None) -> int | None:
        """The version that was in force when a posting came."""
        if received_at is None:
            return None
        judged = (r for r in self.versions if r["name"] == trigger and r["backfilled_at"] is not None)
        newest = next((r for r in judged if r["backfilled_at"] <= received_at), None)
        ended = newest is not None and newest["ended_at"] is not None and newest["ended_at"] <= received_at
        return None if newest is None or ended else newest["version"]


async def of_customer(conn: Any, scope: Scope, customer_id: UUID) -> Facts:
    """What the database says of a customer, as far as the caller may see it."""
    rows = await conn.fetch(_ACCOUNTS, *visibility.arguments(scope), customer_id)
    accounts = {row["account_id"]: row for row in rows}
    state = await conn.fetchrow(_STATE, rows[0]["partition"] if rows else 0)
    streamed = await conn.fetch(_STREAMED, list(accounts))
    versions = await triggers.versions(conn)
    visible = bool(accounts) or scope.kind == "all"
    looks = await conn.fetch(_LOOKED, customer_id) if visible else []
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
        looked={row["behaviour_id"]: _look(row) for row in looks},
        dates=(await timers.dates(conn, [customer_id]))[customer_id] if visible else [],
        detections=await conn.fetch(_DETECTIONS, customer_id) if visible else [],
        subjects={
            row["trigger"]: Subject.unpack(row["packed"]) for row in await conn.fetch(_PACKED, customer_id, plain)
        },
    )


async def add_lake(runtime: Runtime, facts: Facts, customer_id: UUID) -> None:
    """Add the postings and behaviours that came by file to those that came by the stream."""
    settings = runtime.settings
    question = orjson.dumps(
        {
            "lake_url": settings.lake_url,
            "scratch": str(settings.scratch),
            "accounts": [str(account) for account in facts.accounts],
            "customer": str(customer_id),
        }
    )
    try:
        async with asyncio.timeout(READING_SECONDS):
            found = await asyncio.get_running_loop().run_in_executor(_READERS, _ask_reader, question)
    except (subprocess.SubprocessError, OSError, TimeoutError) as error:
        log.warning("lake_not_read", error=type(error).__name__)
        raise Unavailable("the lake cannot be read just now", "暂时无法读取数据湖", retry_after=5) from error
    for row in found["postings"]:
        account = UUID(row["account_id"])
        known = Known(_posting(row, facts.accounts[account], customer_id), "lake")
        facts.known.setdefault((account, row["posting_id"]), known)
    for row in found["behaviours"]:
        facts.looked.setdefault(row["behaviour_id"], _look(row | {"came": "lake", "received_at": None}))


def _ask_reader(question: bytes) -> dict[str, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "eventing.jobs.facts_of"]
    done = subprocess.run(command, input=question, capture_output=True, timeout=READING_SECONDS, check=True)
    return dict(orjson.loads(done.stdout))


_OWN = ("came", "received_at")


def _posting(row: Row, account: Row, customer_id: UUID) -> TransactionPosted:
    fields = {key: value for key, value in dict(row).items() if key not in _OWN}
    return postings.read(fields | {"customer_id": customer_id, "account_kind": account["kind"]})


def _look(row: Row) -> Looked:
    fields = {key: value for key, value in dict(row).items() if key not in _OWN}
    return Looked(behaviours.read(fields), row["came"], row["received_at"])
