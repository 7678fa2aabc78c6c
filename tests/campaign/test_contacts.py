"""The reservation: never over the cap, under any concurrency (X28, P-11)."""

import asyncio
import random
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from attune_contracts.campaign import MessageClass
from attune_service_kit.database import Database
from attune_service_kit.embedded import EmbeddedPostgres
from campaign import contacts
from campaign.contact_policy import Cap, ContactPolicy, CoolDown, QuietHours

from .conftest import NOW, add_customer, person

CAP = ContactPolicy(caps=(Cap(limit=2, days=7),))
EVENING = datetime.fromisoformat("2026-03-17T21:30:00+08:00")


def wish(customer: UUID, at: datetime = NOW, channel: str = "call_centre", **changes: object) -> contacts.Wish:
    values = {"id": uuid4(), "customer_id": customer, "branch_id": "B1", "channel": channel, "at": at}
    values["message_class"] = MessageClass.MARKETING
    return contacts.Wish(**values | changes)  # type: ignore[arg-type]


async def ask(database: Database, policy: ContactPolicy, wanted: contacts.Wish, zone: str | None = None) -> str | None:
    async with database.transaction() as tx:
        return (await contacts.reserve(tx.conn, policy, [wanted], zone=zone))[0]


async def test_parallel_senders_never_exceed_the_cap(server: EmbeddedPostgres) -> None:
    customers = [person(n) for n in range(25)]
    senders = [await asyncpg.connect(server.url("campaign_worker", "campaign")) for _ in range(6)]

    async def send(conn: asyncpg.Connection, seed: int) -> int:
        order = random.Random(seed).sample(customers * 2, len(customers) * 2)
        granted = 0
        for start in range(0, len(order), 3):
            # Several customers in one transaction, repeated ones too: the locks are taken in sorted order.
            async with conn.transaction():
                answers = await contacts.reserve(conn, CAP, [wish(c) for c in order[start : start + 3]])
                granted += answers.count(None)
        return granted

    granted = await asyncio.wait_for(asyncio.gather(*(send(c, i) for i, c in enumerate(senders))), 60)
    counted = await senders[0].fetch("SELECT customer_id, count(*) FROM contact GROUP BY 1")
    assert sum(granted) == sum(row[1] for row in counted) == 2 * len(customers)
    assert {row[1] for row in counted} == {2}
    for conn in senders:
        await conn.close()


async def test_a_window_slides_in_business_time(database: Database) -> None:
    customer, rng = person(1), random.Random(7)
    for hours in sorted(rng.randrange(0, 24 * 40) for _ in range(60)):
        late = rng.choice([0, 0, 0, 24])  # some come late
        await ask(database, CAP, wish(customer, NOW + timedelta(hours=hours - late)))
    times = [r[0] for r in await database.pool.fetch("SELECT at FROM contact ORDER BY at")]
    assert len(times) >= 10
    for first, third in zip(times, times[2:], strict=False):
        assert third - first >= timedelta(days=7)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (ContactPolicy(caps=(Cap(limit=None, days=7),)), [None, None, None]),
        (ContactPolicy(caps=(Cap(limit=0, days=7),)), ["frequency_cap"] * 3),
        (ContactPolicy(caps=(Cap(limit=1, days=7),)), [None, "frequency_cap", "frequency_cap"]),
        (ContactPolicy(caps=(Cap(limit=1, days=7, channel="sms"),)), [None, None, None]),
        (ContactPolicy(cool_downs=(CoolDown(days=1),)), [None, "cool_down", "cool_down"]),
        (ContactPolicy(cool_down_days=1), [None, "cool_down", "cool_down"]),
        (ContactPolicy(cool_down_days=0), [None, None, None]),
        (ContactPolicy(cool_downs=(CoolDown(days=0),)), [None, None, None]),
        (ContactPolicy(cool_downs=(CoolDown(days=None),)), [None, None, None]),
        (ContactPolicy(cool_downs=(CoolDown(days=1, channel="sms"),)), [None, None, None]),
        (ContactPolicy(), [None, None, None]),
    ],
)
async def test_not_set_zero_and_n(database: Database, policy: ContactPolicy, expected: list[str | None]) -> None:
    assert [await ask(database, policy, wish(person(1))) for _ in range(3)] == expected


async def test_inbound_counts_and_is_never_refused(database: Database) -> None:
    for _ in range(3):
        assert await ask(database, CAP, wish(person(1), channel="counter")) is None
    assert await ask(database, CAP, wish(person(1))) == "frequency_cap"


async def test_quiet_hours_are_asked_of_the_phone_in_the_banks_zone(database: Database) -> None:
    policy = ContactPolicy(
        quiet_hours=QuietHours.model_validate({"channels": ["call_centre"], "start": "21:00", "end": "08:00"})
    )
    late = wish(person(1), EVENING)
    assert await ask(database, policy, late, "Asia/Shanghai") == "quiet_hours"
    assert await ask(database, policy, late, "UTC") is None
    assert await ask(database, policy, wish(person(1), EVENING, "relationship_manager"), "Asia/Shanghai") is None
    assert await ask(database, policy, wish(person(1), EVENING)) is None


async def test_a_campaign_step_reaches_a_customer_once(database: Database) -> None:
    step = {"campaign": "large-deposit", "step": "T1"}
    async with database.pool.acquire() as conn:
        for n in (1, 2):
            await add_customer(conn, person(n))
    first = wish(person(1), **step)
    assert await ask(database, ContactPolicy(), first) is None
    assert await ask(database, ContactPolicy(), first) is None  # the same wish again renews it
    assert await ask(database, ContactPolicy(), wish(person(1), **step)) == "already_contacted"
    assert await ask(database, ContactPolicy(), wish(person(2), **step)) is None
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == 2


async def test_released_and_lapsed_reservations_count_no_longer(database: Database) -> None:
    one = ContactPolicy(caps=(Cap(limit=1, days=7),))
    first, second, third = wish(person(1)), wish(person(1)), wish(person(1))
    assert await ask(database, one, first) is None
    assert await ask(database, one, second) == "frequency_cap"
    async with database.transaction() as tx:
        await contacts.release(tx.conn, [first.id])
    assert await ask(database, one, second) is None
    hold = await database.pool.fetchval("SELECT hold_until - clock_timestamp() FROM contact WHERE id = $1", second.id)
    assert timedelta(minutes=14) < hold <= timedelta(minutes=15)
    await database.pool.execute("UPDATE contact SET hold_until = now() - interval '1 second'")
    assert await ask(database, one, third) is None
    assert await database.pool.fetchval("SELECT state FROM contact WHERE id = $1", second.id) == "expired"


async def test_confirmed_counts_for_good_and_once(database: Database) -> None:
    one = ContactPolicy(caps=(Cap(limit=1, days=7),))
    first = wish(person(1))
    await ask(database, one, first)
    async with database.transaction() as tx:
        assert await contacts.confirm(tx.conn, one, first, "reached")
        assert not await contacts.confirm(tx.conn, one, first, "reached")
        await contacts.release(tx.conn, [first.id])
    assert await ask(database, one, wish(person(1))) == "frequency_cap"
    assert await ask(database, one, wish(person(1), NOW + timedelta(days=7))) is None


async def test_asking_keeps_nothing(database: Database) -> None:
    assert await ask(database, CAP, wish(person(1), keep=False)) is None
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == 0
