"""States, timers and standing detections of everybody from the lake: what a rebuild, a replay, a backfill put in place.

The large-deposit's shape is computed in SQL for all at once; the other shapes go through the stream's own code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import duckdb

from attune_contracts.identifiers import partition
from eventing import fact_fields, lake_facts, lake_history, states, triggers
from eventing.compiled import Compiled
from eventing.cool_down import Hit
from eventing.customers import SHARED, Customer, Key
from eventing.jobs import keyed_states
from eventing.judging import Rule
from eventing.shapes.own_balance import rule_of
from eventing.trigger_conditions import same_but_for_amount
from eventing.verdicts import Raised

Timed = tuple[UUID, str, UUID, int, date]
"""A row of the table of timers."""

# What dates have left is no posting's: it stays, unless it is asked for by the trigger's name.
_CLEAR = """
DELETE FROM {table} t
WHERE ($1::uuid[] IS NULL OR t.customer_id = any($1)) AND ($2::text[] IS NULL OR t.trigger = any($2))
  AND ($2::text[] IS NOT NULL OR NOT t.trigger = any($3))"""
_CALENDARS = "SELECT DISTINCT name FROM trigger WHERE definition ? 'calendar' AND definition->'calendar' <> 'null'"
_TAKE = """
INSERT INTO keyed_state (customer_id, trigger, account_id, partition, packed)
SELECT customer_id, trigger, account_id, partition, packed FROM rebuilt"""
_ARM = """
INSERT INTO timer (customer_id, trigger, account_id, partition, due)
SELECT customer_id, trigger, account_id, partition, due FROM armed"""
_TIMERS = "CREATE TEMP TABLE armed (LIKE timer) ON COMMIT DROP"
_TIMER_COLUMNS = ("customer_id", "trigger", "account_id", "partition", "due")


@dataclass
class AllStates:
    """By customer: packed states and timers; by trigger: what stands on postings, in any order."""

    packed: dict[UUID, dict[Key, bytes]] = field(default_factory=dict)
    partitions: dict[UUID, int] = field(default_factory=dict)
    dues: dict[tuple[UUID, Key], int] = field(default_factory=dict)
    standing: dict[str, list[tuple[UUID, Raised]]] = field(default_factory=dict)

    def put(self, customer_id: UUID, partition: int, key: Key, packed: bytes) -> None:
        """A state of a customer."""
        self.partitions[customer_id] = partition
        self.packed.setdefault(customer_id, {})[key] = packed

    def take(self, customer_id: UUID, partition: int, customer: Customer, timed: Iterable[Compiled]) -> None:
        """What was touched of a customer, and the timers of it."""
        for key, packed in customer.packed(customer.touched):
            self.put(customer_id, partition, key, packed)
        names = {trigger.name: trigger for trigger in timed if trigger.has_timer and trigger.kind != "calendar"}
        for key in customer.touched:
            if key[0] in names:
                due = customer.due(names[key[0]], key[1])
                self.dues.pop((customer_id, key), None)
                if due is not None:
                    self.dues[customer_id, key] = due
        customer.touched.clear()

    def rows(self) -> list[keyed_states.State]:
        """The rows of keyed_state."""
        return [
            (customer_id, key[0], states.id_of(key), self.partitions[customer_id], packed)
            for customer_id, mine in self.packed.items()
            for key, packed in mine.items()
        ]

    def timers(self) -> list[Timed]:
        """The rows of timer."""
        return [
            (customer_id, key[0], states.id_of(key), self.partitions[customer_id], date.fromordinal(due))
            for (customer_id, key), due in self.dues.items()
        ]


def compute(
    con: duckdb.DuckDBPyConnection, found: Sequence[Compiled], currency: str, before: date, newest: dict[int, date]
) -> AllStates:
    """The states that the lake's postings of days before `before` give; `account_owner` is loaded."""
    everything = AllStates()
    numbers = keyed_states.partitions(con)
    in_sql = {trigger: rule for trigger in found if (rule := sql_rule(trigger)) is not None}
    others = [trigger for trigger in found if trigger not in in_sql and trigger.kind != "calendar"]
    for trigger, rule in in_sql.items():
        lake_history.prepare(con, rule, currency, before)
        judged = lake_history.judge(con, rule)
        for customer, subject in lake_history.subjects(con, rule, judged):
            everything.put(UUID(customer), numbers[customer], (trigger.name, b""), subject.pack())
        everything.standing[trigger.name] = [
            (UUID(customer), _raised(hit, one.accounts[hit.key]))
            for customer, one in judged.items()
            for hit in one.standing()
        ]  # fmt: skip
    for customer, shared in lake_facts.shared(con, currency, before).items():
        everything.put(UUID(customer), partition(UUID(customer)), (SHARED, b""), shared.pack())
    for one in lake_facts.judge(con, others, currency, before, newest) if others else ():
        one.customer.touched.discard((SHARED, b""))
        everything.take(one.customer_id, one.partition, one.customer, others)
        for trigger in others:
            raised = one.standing.get(trigger.name, {}).values() if not trigger.has_timer else ()
            everything.standing.setdefault(trigger.name, []).extend((one.customer_id, verdict) for verdict in raised)
    return everything


def _raised(hit: Hit, account: str) -> Raised:
    return Raised(hit.key, hit.day, hit.amount, UUID(account).bytes, hit.compared_with, False)


def sql_rule(trigger: Compiled) -> Rule | None:
    """The rule that the SQL models know how to judge; None for any other."""
    where = trigger.definition.where
    if trigger.kind != "own_balance" or trigger.by_account or where is None:
        return None
    rule = rule_of(trigger)
    known = fact_fields.read(triggers.LARGE_DEPOSIT, trigger.definition.on, trigger.digits)
    wanted = fact_fields.read(where, trigger.definition.on, trigger.digits, trigger.definition.fields)
    floor = same_but_for_amount(wanted, known)
    if floor is None or rule.days or rule.times != 1:
        return None
    return Rule(
        rule.name, rule.version, rule.months, max(floor, trigger.least), rule.cooldown_days, rule.lateness_days,
        rule.expires_hours, rule.enabled,
    )  # fmt: skip


async def stage_timers(conn: asyncpg.Connection, rows: Sequence[Timed]) -> None:
    """Put timers into the transaction's own table `armed`."""
    await conn.execute(_TIMERS)
    records: Any = rows
    await conn.copy_records_to_table("armed", records=records, columns=_TIMER_COLUMNS)


async def put_in_place(
    conn: asyncpg.Connection, *, customers: Sequence[UUID] | None = None, names: Sequence[str] | None = None
) -> None:
    """Let what is staged take the place of the states and timers of all, of some customers, or of some triggers."""
    calendars = [row["name"] for row in await conn.fetch(_CALENDARS)]
    for table in ("keyed_state", "timer"):
        await conn.execute(_CLEAR.format(table=table), customers, names, calendars)
    await conn.execute(_TAKE)
    await conn.execute(_ARM)
