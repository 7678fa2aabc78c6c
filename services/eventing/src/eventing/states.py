"""Keyed state in PostgreSQL, and the part of it that one partition's worker holds (X5, X6, X34).

A customer is in memory with all states; each is decoded when a fact first concerns it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from eventing.columns import taken_apart, words
from eventing.customers import SHARED, Customer, Key, Shared

NO_ACCOUNT = UUID(int=0)

_OWNERS = """
SELECT customer_id, account_id, branch_id, opening_balance_minor AS opening, kind IN ('demand', 'time') AS deposit
FROM account_owner WHERE customer_id = any($1::uuid[])"""
_STATES = "SELECT customer_id, trigger, account_id, packed FROM keyed_state WHERE customer_id = any($1::uuid[])"
# What is shared has no trigger, and a customer's state no account.
_SAVE = f"""
INSERT INTO keyed_state (customer_id, trigger, account_id, partition, packed)
SELECT c, coalesce(t, ''), coalesce(a, '{NO_ACCOUNT}'), p, packed
FROM unnest($1::uuid[], {taken_apart(2, "text")}, {taken_apart(3, "uuid")}, {taken_apart(4, "smallint")}, $5::bytea[])
     AS s(c, t, a, p, packed)
ON CONFLICT (customer_id, trigger, account_id) DO UPDATE SET packed = excluded.packed"""  # noqa: S608 - constants


@dataclass(slots=True)
class Memory:
    """The customers of one partition, the least recently used leaving first.

    Customers that a transaction touched are `unsettled` until it has committed: if it has not, they are forgotten.
    `overdue`: there may be timers that are due.
    """

    size: int
    epoch: int = -1
    customers: "OrderedDict[UUID, Customer]" = field(default_factory=OrderedDict)
    unsettled: set[UUID] = field(default_factory=set)
    overdue: bool = True

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
        self.overdue = True

    def missing(self, wanted: set[UUID]) -> list[UUID]:
        """Those of whom a transaction wants to touch that are not in memory; the others were used last of all."""
        self.unsettled |= wanted
        missing = [c for c in wanted if c not in self.customers]
        for customer_id in wanted.difference(missing):
            self.customers.move_to_end(customer_id)
        return missing


async def into_memory(conn: asyncpg.Connection, wanted: Iterable[tuple[Memory, set[UUID]]]) -> None:
    """Make sure that customers are in their memories; one round trip each for owners and states."""
    missing = {customer_id: memory for memory, ids in wanted for customer_id in memory.missing(ids)}
    if missing:
        for customer_id, customer in (await load(conn, list(missing))).items():
            missing[customer_id].customers[customer_id] = customer


async def load(conn: asyncpg.Connection, customer_ids: Sequence[UUID], *, states: bool = True) -> dict[UUID, Customer]:
    """Customers with their accounts' opening balances and, unless they are made anew, their states."""
    customers = {customer_id: Customer() for customer_id in customer_ids}
    for row in await conn.fetch(_OWNERS, customer_ids):
        customer, branch_id = customers[row["customer_id"]], row["branch_id"]
        if branch_id is not None:
            customer.branch_id = min(customer.branch_id or branch_id, branch_id)
        if row["deposit"]:
            customer.opening += row["opening"]
            customer.openings[row["account_id"].bytes] = row["opening"]
    for row in await conn.fetch(_STATES, customer_ids) if states else ():
        customer, packed = customers[row["customer_id"]], row["packed"]
        if row["trigger"] == SHARED:
            customer.shared = Shared.unpack(packed)
        else:
            customer.states[row["trigger"], account_of(row["account_id"])] = packed
    return customers


async def save(conn: asyncpg.Connection, touched: Iterable[tuple[int, UUID, Customer]]) -> None:
    """Write the touched states in one statement; a customer's partition stands before."""
    # Neighbours in the index are neighbours here: their pages are read once.
    rows = [
        (customer_id, key[0], account_text(key), str(number), packed)
        for number, customer_id, customer in sorted(touched, key=lambda one: one[1].bytes)
        for key, packed in customer.packed(sorted(customer.touched))
    ]
    if rows:
        customers, names, accounts, numbers, packed_states = zip(*rows, strict=True)
        await conn.execute(_SAVE, list(customers), words(names), words(accounts), words(numbers), list(packed_states))


def account_text(key: Key) -> str:
    """The account's id of a state's key as a word; empty for the whole customer."""
    return str(UUID(bytes=key[1])) if key[1] else ""


def id_of(key: Key) -> UUID:
    """The account's id of a state's key; the nil UUID for the whole customer."""
    return UUID(bytes=key[1]) if key[1] else NO_ACCOUNT


def account_of(account_id: UUID) -> bytes:
    """The account in a state's key."""
    return b"" if account_id == NO_ACCOUNT else account_id.bytes
