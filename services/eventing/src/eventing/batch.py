"""One transaction's work on partitions of the ledger: facts, timers and findings of each, written for all at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import structlog

from attune_contracts.eventing import BehaviourRecorded
from attune_service_kit.consumer import Event
from attune_service_kit.database import Transaction
from eventing import detections, facts, states, timers
from eventing.booked import Posting
from eventing.compiled import Compiled
from eventing.customers import Customer, Found, Key, emitted
from eventing.detections import Finding
from eventing.fact_index import FactIndex
from eventing.facts import Fact
from eventing.shapes.dated import DatedFact
from eventing.states import Memory
from eventing.timers import Due, Timer

log = structlog.get_logger(__name__)

NEVER = datetime.min.replace(tzinfo=UTC)

_ADVANCE = """
UPDATE ledger_partition p
SET business_date = greatest(p.business_date, n.day), event_time = greatest(p.event_time, n.moment),
    beyond_watermark = p.beyond_watermark + n.beyond
FROM unnest($1::smallint[], $2::date[], $3::timestamptz[], $4::bigint[]) AS n(partition, day, moment, beyond)
WHERE p.partition = n.partition"""
_BEYOND = """
UPDATE posting p SET came = 'beyond' FROM unnest($1::uuid[], $2::text[]) AS b(account, posting)
WHERE p.account_id = b.account AND p.posting_id = b.posting"""


@dataclass
class Part:
    """What happens to one partition: its customers in memory, and what is found and to be written.

    `latest` is the largest business time of the facts, NEVER without any; `wanted`: who has to be in memory.
    """

    number: int
    memory: Memory
    currency: str
    index: FactIndex
    newest: int
    run: UUID | None
    today: int
    latest: datetime = NEVER
    wanted: set[UUID] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    touched: dict[UUID, Customer] = field(default_factory=dict)
    dues: dict[tuple[UUID, Key], int | None] = field(default_factory=dict)
    beyond: list[tuple[UUID, str]] = field(default_factory=list)
    late: int = 0

    def counts(self, posting: Posting | BehaviourRecorded) -> bool:
        """Whether the posting is to be applied: what an abandoned replay left on the stream is not."""
        return posting.origin == "live" or posting.run == self.run

    def apply(self, event: Event, posting: Posting) -> None:
        """Book one posting under every trigger that it concerns, and judge what it touches."""
        if posting.currency != self.currency:
            self._reach(facts.ordinal(posting.business_date))
            return
        if self.take(event, posting.customer_id, posting.fact()):
            self.beyond.append((posting.account_id, posting.posting_id))

    def take(self, event: Event, customer_id: UUID, fact: Fact) -> bool:
        """Take in a fact of a customer in memory; return whether it came at or before the watermark of a trigger."""
        self._reach(fact.day)
        customer = self.memory.customers[customer_id]
        taken = customer.apply(self.index, fact, self.newest)
        self.touched[customer_id] = customer
        if taken.found:
            self._find(customer_id, customer, taken.found, event.time, event)
        if fact.day == self.newest:
            return False
        return any(fact.day < self.newest - trigger.lateness for trigger, _ in taken.concerned)

    def _reach(self, day: int) -> None:
        """The partition's largest business day moves on: timers may be due."""
        if day > self.newest:
            self.newest, self.memory.overdue = day, True

    def _find(
        self, customer_id: UUID, customer: Customer, found: Iterable[Found], time: datetime, cause: Event | None
    ) -> None:
        for one in map(emitted, found):
            who = customer_id, customer.branch_id
            self.findings.append(Finding(one.trigger, *who, self.currency, time, cause, one.verdict))

    def armed(self, timed: dict[str, Compiled]) -> list[Due]:
        """The timers of the states that facts have touched."""
        armed = [
            Due(self.number, customer_id, key, customer.due(timed[key[0]], key[1]))
            for customer_id, customer in self.touched.items()
            for key in customer.touched
            if key[0] in timed
        ]
        if min((due.day for due in armed if due.day is not None), default=self.newest) < self.newest:
            self.memory.overdue = True
        return armed

    def through(self, timed: dict[str, Compiled], silent: int) -> dict[str, int]:
        """The last day that is over, by trigger."""
        newest = max(self.newest, silent)
        return {
            name: self.today if trigger.kind == "calendar" else newest - trigger.lateness - 1
            for name, trigger in timed.items()
        }

    def fire(self, timer: Timer, trigger: Compiled, through: int, dates: Sequence[DatedFact], time: datetime) -> None:
        """Let one timer fire. One that fails is no event's fault: it is set aside, and said."""
        customer_id, key = timer
        customer = self.memory.customers[customer_id]
        self.touched[customer_id] = customer
        self.dues[customer_id, key] = None
        try:
            if trigger.kind == "calendar":
                found, dues = customer.reach_all(trigger, self.today, dates)
                self.dues |= {(customer_id, at): day for at, day in dues.items()}
            else:
                found = customer.fire(trigger, key[1], through)
                self.dues[customer_id, key] = customer.due(trigger, key[1])
        except Exception:
            log.exception("timer_set_aside", trigger=trigger.name, partition=self.number)
            customer.touched.discard(key)
            return
        self._find(customer_id, customer, found, time, None)


@dataclass
class Batch:
    """One transaction's work."""

    tx: Transaction
    index: FactIndex
    currency: str
    parts: dict[int, Part]

    async def load(self) -> None:
        """Make sure that who is wanted is in memory."""
        await states.into_memory(self.tx.conn, [(part.memory, part.wanted) for part in self.parts.values()])

    async def fire(self, silent: int = 0) -> None:
        """Let the timers fire whose day the watermark has passed, or business time less the lateness (`silent`)."""
        timed = {trigger.name: trigger for trigger in self.index.triggers if trigger.has_timer}
        if not timed:
            return
        await timers.write(self.tx.conn, [due for part in self.parts.values() for due in part.armed(timed)])
        left = timers.AT_ONCE
        for part in self.parts.values():
            if left > 0 and (part.memory.overdue or silent):
                left -= await self._fire(part, timed, part.through(timed, silent), left)
        await timers.write(
            self.tx.conn,
            [Due(part.number, *of, day) for part in self.parts.values() for of, day in part.dues.items()],
        )

    async def _fire(self, part: Part, timed: dict[str, Compiled], through: dict[str, int], most: int) -> int:
        """Let at most so many timers of a partition fire; return how many."""
        due = await timers.due(self.tx.conn, part.number, through, most)
        if due:
            await states.into_memory(self.tx.conn, [(part.memory, {timer.customer_id for timer in due})])
            calendar = {t.customer_id for t in due if timed[t.key[0]].kind == "calendar"}
            dates = await timers.dates(self.tx.conn, calendar) if calendar else {}
            time = self.tx.now if part.latest is NEVER else part.latest
            for timer in due:
                name = timer.key[0]
                part.fire(timer, timed[name], through[name], dates.get(timer.customer_id, ()), time)
        more = len(due) == most
        self.tx.after_commit(lambda: setattr(part.memory, "overdue", more))
        return len(due)

    async def close(self) -> None:
        """Write what was touched and found."""
        conn, parts = self.tx.conn, self.parts.values()
        await states.save(conn, [(part.number, *one) for part in parts for one in part.touched.items()])
        for part in parts:
            for customer in part.touched.values():
                customer.touched.clear()
            self.tx.after_commit(part.memory.settle)
        await detections.apply(self.tx, [finding for part in parts for finding in part.findings])
        moved = [
            (part.number, date.fromordinal(part.newest), part.latest, len(part.beyond) + part.late)
            for part in parts
            if part.latest is not NEVER
        ]
        if moved:
            await conn.execute(_ADVANCE, *map(list, zip(*moved, strict=True)))
        for part in parts:
            if part.beyond:
                await conn.execute(_BEYOND, *map(list, zip(*part.beyond, strict=True)))
                log.warning("postings_beyond_watermark", partition=part.number, count=len(part.beyond))
