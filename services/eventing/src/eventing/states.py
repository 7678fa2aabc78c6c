"""Keyed state in PostgreSQL, and the part of it that one partition's worker holds decoded (X5, X6, X34)."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from eventing.judging import Subject

_OWNERS = """
SELECT customer_id, min(branch_id) AS branch_id,
       coalesce(sum(opening_balance_minor) FILTER (WHERE kind IN ('demand', 'time')), 0)::bigint AS opening
FROM account_owner WHERE customer_id = any($1::uuid[]) GROUP BY customer_id"""
_STATES = "SELECT customer_id, trigger, packed FROM keyed_state WHERE customer_id = any($1::uuid[])"
_SAVE = """
INSERT INTO keyed_state (customer_id, trigger, partition, packed)
SELECT c, t, $3, p FROM unnest($1::uuid[], $2::text[], $4::bytea[]) AS s(c, t, p)
ON CONFLICT (customer_id, trigger) DO UPDATE SET packed = excluded.packed"""


@dataclass(slots=True)
class Customer:
    """One customer's decoded states, by trigger, and what the accounts say."""

    opening: int = 0
    branch_id: str | None = None
    subjects: dict[str, Subject] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """The decoded customers of one partition, the least recently used leaving first.

    Customers that a transaction touched are `unsettled` until it has committed: if it has not, they are forgotten.
    """

    size: int
    epoch: int = -1
    customers: "OrderedDict[UUID, Customer]" = field(default_factory=OrderedDict)
    unsettled: set[UUID] = field(default_factory=set)

    def begin(self, epoch: int) -> None:
        """Start a batch: forget what a failed one left behind, and everything if the states were rebuilt."""
        if epoch != self.epoch:
            self.clear()
            self.epoch = epoch
        for customer_id in self.unsettled:
            self.customers.pop(customer_id, None)
        self.unsettled = set()

    def settle(self) -> None:
        """The batch has committed."""
        self.unsettled = set()
        while len(self.customers) > self.size:
            self.customers.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self.customers.clear()
        self.unsettled = set()

    async def load(self, conn: asyncpg.Connection, customer_ids: Iterable[UUID]) -> None:
        """Make sure that these customers are in memory; one round trip each for owners and states."""
        wanted = set(customer_ids)
        self.unsettled |= wanted
        missing = [c for c in wanted if c not in self.customers]
        for customer_id in wanted.difference(missing):
            self.customers.move_to_end(customer_id)
        if not missing:
            return
        for customer_id in missing:
            self.customers[customer_id] = Customer()
        for row in await conn.fetch(_OWNERS, missing):
            customer = self.customers[row["customer_id"]]
            customer.opening, customer.branch_id = row["opening"], row["branch_id"]
        for row in await conn.fetch(_STATES, missing):
            self.customers[row["customer_id"]].subjects[row["trigger"]] = Subject.unpack(row["packed"])


async def openings(conn: asyncpg.Connection, customer_ids: Iterable[UUID]) -> dict[UUID, int]:
    """The sum of each customer's deposit accounts' opening balances."""
    return {row["customer_id"]: row["opening"] for row in await conn.fetch(_OWNERS, list(customer_ids))}


async def save(conn: asyncpg.Connection, partition: int, touched: Sequence[tuple[UUID, str, Subject]]) -> None:
    """Write the touched states in one statement."""
    if touched:
        await conn.execute(
            _SAVE,
            [customer_id for customer_id, _, _ in touched],
            [trigger for _, trigger, _ in touched],
            partition,
            [subject.pack() for _, _, subject in touched],
        )
