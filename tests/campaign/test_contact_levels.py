"""Household, account, class of message and suppression: one function knows them all (X28)."""

import random
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from attune_contracts.campaign import MessageClass
from attune_service_kit.database import Database
from campaign import contact_history, contacts
from campaign.contact_policy import Cap, ContactPolicy, CoolDown, Level, QuietHours, direction, free_from, look

from .conftest import NOW, add_customer, person
from .test_contacts import ask, wish

ZONE = "Asia/Shanghai"
ACCOUNT = UUID("00000000-0000-8000-8000-00000000ac01")


async def family(database: Database, *members: int, account: UUID | None = None) -> None:
    """The first of the members holds the account together with the last one; all live together in H1."""
    for number in members:
        await add_customer(database.pool, person(number))
        await database.pool.execute("UPDATE proj_party SET household_id = 'H1' WHERE customer_id = $1", person(number))
    for number in {members[0], members[-1]} if account else ():
        await database.pool.execute(
            "INSERT INTO proj_account (account_id, customer_id) VALUES ($1, $2)", account, person(number)
        )


async def suppress(pool: asyncpg.Pool, level: Level, subject: str, **changes: Any) -> None:
    row = {"id": uuid4(), "level": level, "subject": subject, "starts_at": NOW, "permanent": True, "reason": "asked"}
    row |= {"source": "opt_out", "created_by": "tests"} | changes
    columns = ", ".join(row)
    values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO suppression ({columns}) VALUES ({values})", *row.values())


async def test_a_household_shares_its_cap(database: Database) -> None:
    await family(database, 1, 2)
    policy = ContactPolicy(caps=(Cap(level="household", limit=1, days=7),))
    assert await ask(database, policy, wish(person(1))) is None
    assert await ask(database, policy, wish(person(2))) == "frequency_cap"
    assert await ask(database, policy, wish(person(3))) is None
    assert await ask(database, policy, wish(person(2), NOW + timedelta(days=7))) is None


async def test_the_holders_of_an_account_share_its_cap_and_cool_down(database: Database) -> None:
    await family(database, 1, 2, 3, account=ACCOUNT)
    rules = (
        (ContactPolicy(caps=(Cap(level="account", limit=1, days=7),)), "frequency_cap"),
        (ContactPolicy(cool_downs=(CoolDown(level="account", days=7),)), "cool_down"),
    )
    assert await ask(database, rules[0][0], wish(person(1))) is None
    for policy, reason in rules:
        assert await ask(database, policy, wish(person(3), keep=False)) == reason
        assert await ask(database, policy, wish(person(2), keep=False)) is None


async def test_all_levels_or_nothing(database: Database) -> None:
    await family(database, 1, 2, account=ACCOUNT)
    assert await ask(database, ContactPolicy(), wish(person(1))) is None
    policy = ContactPolicy(caps=(Cap(limit=5, days=7), Cap(level="household", limit=1, days=7)))
    assert await ask(database, policy, wish(person(2))) == "frequency_cap"
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == 1


@pytest.mark.parametrize("exempt", [MessageClass.SERVICE, MessageClass.LEGAL])
async def test_service_and_legal_messages_are_exempt_by_class_and_count_for_nothing(
    database: Database, exempt: MessageClass
) -> None:
    policy = ContactPolicy(caps=(Cap(limit=1, days=7),), cool_downs=(CoolDown(days=1),))
    await suppress(database.pool, "customer", f"customer:{person(1)}")
    for _ in range(2):
        assert await ask(database, policy, wish(person(1), message_class=exempt)) is None
        assert await ask(database, policy, wish(person(2), message_class=exempt)) is None
    assert await ask(database, policy, wish(person(1))) == "do_not_contact"
    assert await ask(database, policy, wish(person(2))) is None


async def test_a_class_is_one_of_three_and_never_missing(database: Database) -> None:
    with pytest.raises(TypeError):
        contacts.Wish(uuid4(), person(1), "B1", "sms", at=NOW)  # type: ignore[call-arg]
    for unknown in ("", "Marketing", None):
        with pytest.raises(asyncpg.PostgresError):
            await ask(database, ContactPolicy(), wish(person(1), message_class=unknown))
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == 0


async def test_a_suppression_binds_on_its_level_channel_days_and_hours(database: Database) -> None:
    await family(database, 1, 2, account=ACCOUNT)
    pool, none = database.pool, ContactPolicy()
    await suppress(pool, "household", "household:H1", channel="sms", permanent=False, ends_at=NOW + timedelta(days=2))
    await suppress(pool, "account", f"account:{ACCOUNT}", channel="push", hours_start=time(22), hours_end=time(9))
    for number in (1, 2):
        assert await ask(database, none, wish(person(number), channel="sms", keep=False)) == "do_not_contact"
        assert await ask(database, none, wish(person(number), channel="call_centre", keep=False)) is None
        later = wish(person(number), NOW + timedelta(days=2), "sms", keep=False)
        assert await ask(database, none, later) is None
        night = datetime.fromisoformat("2026-03-18T08:59:00+08:00")
        assert await ask(database, none, wish(person(number), night, "push", keep=False), ZONE) == "do_not_contact"
        assert await ask(database, none, wish(person(number), NOW, "push", keep=False), ZONE) is None
        assert await ask(database, none, wish(person(number), night, "push", keep=False)) is None
    assert await ask(database, none, wish(person(3), channel="sms")) is None


@pytest.mark.parametrize(
    "ends",
    [
        {"permanent": False, "ends_at": None},  # neither an end nor the word
        {"permanent": True, "ends_at": NOW + timedelta(days=1)},
        {"permanent": False, "ends_at": NOW},  # no length: the 0 that would mean "for ever"
    ],
)
async def test_a_suppression_has_an_end_or_is_permanent(database: Database, ends: dict[str, Any]) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await suppress(database.pool, "customer", f"customer:{person(1)}", **ends)


async def test_a_look_says_what_the_reservation_says(database: Database) -> None:
    """The pure rule and the SQL function on 40 random households, policies and moments; and when it will be allowed."""
    rng = random.Random(11)
    await family(database, 1, 2, 3, account=ACCOUNT)
    refused = 0
    for _ in range(40):
        await database.pool.execute("TRUNCATE contact, suppression")
        policy = _policy(rng)
        for _ in range(rng.randrange(8)):
            at = NOW - timedelta(hours=rng.randrange(24 * 20))
            channel = rng.choice(("sms", "push", "counter"))
            await ask(database, ContactPolicy(), wish(person(rng.randrange(1, 5)), at, channel))
        if rng.random() < 0.3:
            level, subject = rng.choice((("household", "household:H1"), ("account", f"account:{ACCOUNT}")))
            hours = {"hours_start": time(7), "hours_end": time(20)} if rng.random() < 0.5 else {}
            days = {"permanent": False, "ends_at": NOW + timedelta(days=rng.randrange(1, 9))}
            await suppress(database.pool, level, subject, **hours, **days)
        customer, channel = person(rng.randrange(1, 5)), rng.choice(("sms", "push"))
        now = NOW + timedelta(hours=rng.randrange(48))
        past, suppressions = await contact_history.of(database.pool, customer, now)
        reason = look(policy, past, channel, now, ZONE, suppressions)
        assert reason == await ask(database, policy, wish(customer, now, channel, keep=False), ZONE)
        refused += reason is not None
        free = free_from(policy, past, channel, now, ZONE, suppressions)
        if free is not None:
            assert await ask(database, policy, wish(customer, free, channel, keep=False), ZONE) is None
        if free is not None and free > now:
            just = wish(customer, free - timedelta(seconds=1), channel, keep=False)
            assert await ask(database, policy, just, ZONE) is not None
    assert 8 < refused < 38


def _policy(rng: random.Random) -> ContactPolicy:
    levels: tuple[Level, ...] = ("customer", "household", "account")
    channels = (None, "sms")
    return ContactPolicy(
        caps=tuple(
            Cap(
                level=rng.choice(levels),
                channel=rng.choice(channels),
                limit=rng.choice((None, 0, 1, 2, 2, 3)),
                days=rng.choice((1, 7, 14)),
            )
            for _ in range(rng.randrange(3))
        ),
        cool_downs=tuple(
            CoolDown(level=rng.choice(levels), channel=rng.choice(channels), days=rng.choice((None, 0, 1, 3)))
            for _ in range(rng.randrange(2))
        ),
        quiet_hours=QuietHours.model_validate({"channels": ["push"], "start": "21:00", "end": "08:00"})
        if rng.random() < 0.3
        else None,
    )


def test_directions() -> None:
    assert {c: direction(c) for c in ("counter", "mobile", "sms")} == {
        "counter": "inbound",
        "mobile": "inbound",
        "sms": "outbound",
    }
