"""Senders that reserve contacts side by side, keep a log of what they were told, and may die at any moment.

`python senders.py URL SEED` is one of them in a process of its own.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from attune_contracts.campaign import MessageClass
from attune_contracts.identifiers import account_id, customer_id
from campaign import contacts
from campaign.contact_policy import Cap, ContactPolicy, CoolDown, Level, PastContact, direction, look

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONE = "UTC"
PEOPLE = [customer_id("tests", f"P{n}") for n in range(9)]
HOMES: dict[UUID, str] = {person: f"H{n // 3}" for n, person in enumerate(PEOPLE[:8])}  # the last lives alone
HOLDERS = {account_id("tests", f"A{n}"): (PEOPLE[n], PEOPLE[(n + 4) % 9]) for n in range(6)}  # across households
POLICY = ContactPolicy(
    caps=(
        Cap(limit=2, days=7),
        Cap(limit=4, days=30),
        Cap(level="household", limit=3, days=7),
        Cap(level="account", limit=2, days=7, channel="sms"),
        Cap(limit=None, days=1),
    ),
    cool_downs=(CoolDown(level="customer", days=1), CoolDown(level="household", days=0)),
)
CHANNELS = ("sms", "sms", "push", "call_centre", "counter")
LOG = """
CREATE TABLE sender_log (seq bigserial PRIMARY KEY, id uuid, customer_id uuid, channel text, class text,
                         at timestamptz, reason text, kept boolean)"""
_NOTE = """
INSERT INTO sender_log (id, customer_id, channel, class, at, reason, kept) VALUES ($1, $2, $3, $4, $5, $6, $7)"""

Crash = Callable[[asyncpg.Connection, random.Random], None]


@dataclass(frozen=True)
class Attempt:
    """What a sender asked and was told, in the order in which the locks let them in."""

    id: UUID
    customer: UUID
    channel: str
    message_class: str
    at: datetime
    reason: str | None
    kept: bool


async def prepare(conn: asyncpg.Connection) -> None:
    """The people, and the log in which a committed transaction leaves what it was told."""
    await conn.execute(f"DROP TABLE IF EXISTS sender_log; {LOG}")
    await conn.executemany(
        "INSERT INTO proj_party (customer_id, party_kind, household_id, personalisation, products, product_kinds)"
        " VALUES ($1, 'person', $2, true, '{}', '{}')",
        [(person, HOMES.get(person)) for person in PEOPLE],
    )
    pairs = [(account, holder) for account, holders in HOLDERS.items() for holder in holders]
    await conn.executemany("INSERT INTO proj_account (account_id, customer_id) VALUES ($1, $2)", pairs)


async def send(conn: asyncpg.Connection, seed: int, rounds: int, crash: Crash = lambda _conn, _rng: None) -> None:
    """Reserve for one to three people at a time; some sends fail and are released at once."""
    rng = random.Random(seed)
    for number in range(rounds):
        at = START + timedelta(hours=12 * number + rng.randrange(-60, 60))
        wishes = [_wish(rng, at) for _ in range(rng.randrange(1, 4))]
        async with conn.transaction():
            answers = await contacts.reserve(conn, POLICY, wishes)
            failed = [wishes[0].id] if len(wishes) == 1 and rng.random() < 0.3 else []
            await contacts.release(conn, failed)
            notes = [
                (w.id, w.customer_id, w.channel, w.message_class, w.at, answer, w.id not in failed)
                for w, answer in zip(wishes, answers, strict=True)
            ]
            for note in notes:
                await conn.execute(_NOTE, *note)
            crash(conn, rng)


def _wish(rng: random.Random, at: datetime) -> contacts.Wish:
    kind = rng.choice((MessageClass.MARKETING,) * 8 + (MessageClass.SERVICE,))
    return contacts.Wish(uuid4(), rng.choice(PEOPLE), None, rng.choice(CHANNELS), kind, at)


async def attempts(conn: asyncpg.Connection) -> list[Attempt]:
    """What the committed transactions asked and were told, in order."""
    rows = await conn.fetch("SELECT id, customer_id, channel, class, at, reason, kept FROM sender_log ORDER BY seq")
    return [Attempt(*row) for row in rows]


async def over_the_limit(conn: asyncpg.Connection) -> list[str]:
    """Every level and window in which more outbound marketing contacts stand than a cap allows."""
    rows = await conn.fetch(
        "SELECT customer_id, channel, at FROM contact WHERE state IN ('reserved', 'confirmed')"
        " AND direction = 'outbound' AND message_class = 'marketing' ORDER BY at"
    )
    found = []
    for cap in POLICY.caps:
        for subject, members in _groups(cap.level) if cap.limit is not None else ():
            times = [r["at"] for r in rows if r["customer_id"] in members and cap.channel in (None, r["channel"])]
            for first, beyond in zip(times, times[cap.limit :], strict=False):
                if beyond - first < timedelta(days=cap.days):
                    found.append(f"{cap.level} {subject}: over {cap.limit} within {cap.days} days of {first}")
    return found


def disagreements(made: list[Attempt]) -> list[tuple[Attempt, str | None]]:
    """Attempts that a single sender, asking in the same order, would have been answered differently."""
    past: dict[UUID, list[PastContact]] = {person: [] for person in PEOPLE}
    found = []
    for attempt in made:
        bound = attempt.message_class == "marketing" and direction(attempt.channel) == "outbound"
        reason = look(POLICY, past[attempt.customer], attempt.channel, attempt.at, ZONE) if bound else None
        if reason != attempt.reason:
            found.append((attempt, reason))
        if attempt.reason is None and attempt.kept and attempt.message_class == "marketing":
            for person in PEOPLE:
                past[person].append(_as_seen_by(person, attempt))
    return found


def _as_seen_by(person: UUID, attempt: Attempt) -> PastContact:
    home = HOMES.get(person)
    shared = tuple(str(a) for a, holders in HOLDERS.items() if person in holders and attempt.customer in holders)
    same = home is not None and HOMES.get(attempt.customer) == home
    return PastContact(attempt.channel, attempt.at, True, person == attempt.customer, same, shared)


def _groups(level: Level) -> Iterator[tuple[str, set[UUID]]]:
    if level == "customer":
        yield from ((str(person), {person}) for person in PEOPLE)
    elif level == "household":
        yield from ((home, {p for p in PEOPLE if HOMES.get(p) == home}) for home in sorted(set(HOMES.values())))
    else:
        yield from ((str(account), set(holders)) for account, holders in HOLDERS.items())


async def _main(url: str, seed: int) -> None:
    conn = await asyncpg.connect(url)
    for number in range(10_000):
        await send(conn, seed * 10_000 + number, 20)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
