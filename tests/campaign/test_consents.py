"""Consent by channel and product kind: who may not be contacted, and what a withdrawal ends at once (X21, P-12)."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any, cast
from uuid import UUID

import pytest

from attune_contracts.campaign import MessageClass
from attune_contracts.consent import ANY, CHANNELS, PRODUCT_KINDS, Given, permitted, too_young
from attune_contracts.customer_360 import ConsentChanged, ConsentState
from attune_service_kit.database import Database
from attune_service_kit.errors import Refusal
from attune_service_kit.testing import RunningService
from campaign import claims, consent_withdrawals, consents, contacts, turns
from campaign.contact_policy import ContactPolicy
from campaign.plans import Plans

from .conftest import NOW, Headers, add_customer, code, deposit, key, nba, person, pick, raised
from .test_judging import events, open_all, some, states
from .test_turns import STAFF

TODAY = date(2026, 3, 17)


def changed(customer: UUID, version: int, *given: tuple[str | None, str | None, bool]) -> ConsentChanged:
    """All consents of a customer: personalised decisions are agreed to, marketing as given."""
    marketing = [
        ConsentState(purpose="marketing_contact", channel=c, product_kind=k, granted=g, since=TODAY)  # type: ignore[arg-type]
        for c, k, g in given
    ]
    personal = ConsentState(purpose="personalised_decision", granted=True, since=TODAY)
    return ConsentChanged(customer_id=customer, version=version, consents=(*marketing, personal))


async def withdraw(database: Database, *changes: ConsentChanged) -> int:
    """Apply changes as the worker does; return how much has ended."""
    async with database.transaction() as tx:
        await turns.share(tx.conn)
        return await consent_withdrawals.end(tx, await consents.apply(tx, changes))


async def only(database: Database, *customers: UUID) -> None:
    async with database.pool.acquire() as conn:
        for customer in customers:
            await add_customer(conn, customer)


async def test_the_database_says_the_same_as_the_rule(database: Database) -> None:
    rng = random.Random(21)
    sets: dict[UUID, list[Given]] = {}
    for n in range(60):
        keys = rng.sample(list(product((ANY, *CHANNELS), (ANY, *PRODUCT_KINDS))), rng.randrange(0, 12))
        sets[person(n)] = [Given(channel, kind, rng.random() < 0.5) for channel, kind in keys]
    await database.pool.executemany(
        "INSERT INTO proj_consent (customer_id, purpose, channel, product_kind, granted, since)"
        " VALUES ($1, 'marketing_contact', $2, $3, $4, '2026-01-01')",
        [(c, g.channel, g.product_kind, g.granted) for c, given in sets.items() for g in given],
    )
    asked = list(product(sets, CHANNELS, (None, *PRODUCT_KINDS)))
    told = await database.pool.fetch(
        "SELECT contact_permitted(a.customer, a.channel, a.kind)"
        " FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS a (customer, channel, kind, n) ORDER BY n",
        *(list(column) for column in zip(*asked, strict=True)),
    )
    assert [row[0] for row in told] == [permitted(sets[c], channel, kind) for c, channel, kind in asked]
    assert {row[0] for row in told} == {True, False, None}


@pytest.mark.parametrize(
    ("born", "young"), [(date(2012, 3, 18), True), (date(2012, 3, 17), False), (date(2025, 1, 1), True), (None, False)]
)
async def test_under_fourteen_no_agreement_counts(
    database: Database, plan: Plans, born: date | None, young: bool
) -> None:
    (number,) = some("treated")
    await only(database, person(number))
    await withdraw(database, changed(person(number), 1, (None, None, True)))
    await database.pool.execute("UPDATE proj_party SET birth_date = $1", born)
    await database.pool.execute("INSERT INTO business_clock (partition, now) VALUES (0, $1)", NOW)
    assert too_young(born, TODAY) is young
    told = await database.pool.fetch("SELECT contact_permitted($1, c, NULL) FROM unnest($2::text[]) c", person(number),
                                     list(CHANNELS))  # fmt: skip
    assert {row[0] for row in told} == {not young}
    await open_all(database, plan, [raised(person(number))])
    row = await database.pool.fetchrow("SELECT state, reason FROM opportunity")
    assert tuple(row) == (("suppressed", "no_consent") if young else ("open", None))


@pytest.mark.parametrize(
    ("given", "product_kind", "channel"),
    [
        ([("sms", None, True)], None, None),
        ([("call_centre", "fund", True)], None, None),
        ([("call_centre", "fund", True)], "loan", None),
        ([(None, None, True), (None, "loan", False)], "loan", None),
        ([("call_centre", "fund", True)], "fund", "call_centre"),
        ([(None, None, True), ("call_centre", None, False)], None, "mobile"),
    ],
)
async def test_an_opportunity_needs_consent_for_its_channel_and_kind(
    database: Database,
    plan: Plans,
    given: Sequence[tuple[str | None, str | None, bool]],
    product_kind: str | None,
    channel: str | None,
) -> None:
    (number,) = some("treated")
    await only(database, person(number))
    await withdraw(database, changed(person(number), 1, *given))
    await database.pool.execute("UPDATE campaign SET product_kind = $1", product_kind)
    try:
        await open_all(database, plan, [raised(person(number))])
    finally:
        await database.pool.execute("UPDATE campaign SET product_kind = NULL")
    row = await database.pool.fetchrow("SELECT state, reason, channel FROM opportunity")
    assert tuple(row) == (("open", None, channel) if channel else ("suppressed", "no_consent", None))
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == (channel is not None)


async def test_the_newest_state_holds_in_whatever_order_it_is_told(database: Database) -> None:
    customer = person(1)
    told = [changed(customer, v, (None, None, v % 2 == 0)) for v in (2, 5, 3, 4, 5, 1)]
    for change in told:
        await withdraw(database, change)
    await withdraw(database, *told)
    rows = await database.pool.fetch("SELECT purpose, granted, version FROM proj_consent ORDER BY purpose")
    assert [tuple(r) for r in rows] == [("marketing_contact", False, 5), ("personalised_decision", True, 5)]
    # Nothing is left of what an older state knew.
    await withdraw(database, changed(customer, 6, ("sms", "loan", True)))
    rows = await database.pool.fetch("SELECT channel, product_kind FROM proj_consent WHERE purpose LIKE 'market%'")
    assert [tuple(r) for r in rows] == [("sms", "loan")]


async def test_a_withdrawal_ends_what_it_covers_in_both_arms_alike(database: Database, plan: Plans) -> None:
    claimed, waiting, other_channel, untouched = (person(n) for n in some("treated", 4))
    held_out = person(some("control")[0])
    everybody = (claimed, waiting, other_channel, untouched, held_out)
    await only(database, *everybody)
    await open_all(database, plan, [raised(c) for c in everybody])
    await open_all(database, plan, [raised(waiting, "T2")])
    await database.pool.execute("UPDATE task SET state = 'claimed', claimed_by = 'M1' WHERE customer_id = $1", claimed)
    none = (None, None, False)
    ended = await withdraw(
        database,
        changed(claimed, 1, none),
        changed(waiting, 1, (None, None, True), ("call_centre", None, False)),
        changed(other_channel, 1, (None, None, True), ("sms", None, False), (None, "loan", False)),
        changed(held_out, 1, none),
    )
    assert ended == 1 + 2 + 1 + 2 + 2  # opportunities of three customers, two tasks, their two contacts
    rows = await database.pool.fetch("SELECT DISTINCT customer_id, state, reason, assigned FROM opportunity")
    gone, lives = ("suppressed", "consent_withdrawn", True), ("open", None, True)
    assert {r["customer_id"]: (r["state"], r["reason"], r["assigned"]) for r in rows} == {
        claimed: gone, waiting: gone, held_out: gone, other_channel: lives, untouched: lives,
    }  # fmt: skip
    closed = ("closed", "consent_withdrawn", "released", "consent_withdrawn")
    rows = await database.pool.fetch(
        "SELECT t.customer_id, t.state, t.disposition, k.state, k.disposition FROM task t JOIN contact k"
        " ON k.id = t.contact_id"
    )
    assert {r[0]: tuple(r)[1:] for r in rows} == {
        claimed: closed, waiting: closed,
        other_channel: ("open", None, "reserved", None), untouched: ("open", None, "reserved", None),
    }  # fmt: skip
    told = [e for e in await events(database, "opportunity.opened") if e["reason"] == "consent_withdrawn"]
    assert sorted(UUID(e["customer_id"]) for e in told) == sorted([claimed, waiting, waiting, held_out])
    audited = await database.pool.fetch("SELECT entity_id, detail::text FROM audit WHERE what = 'contacts.ended'")
    assert {UUID(r[0]) for r in audited} == {claimed, waiting, held_out}
    # Told again, or told something older, nothing more happens.
    assert await withdraw(database, changed(waiting, 1, none)) == 0
    assert (await states(database))["suppressed"] == 4


async def test_a_service_message_needs_no_consent_and_stays_held(database: Database) -> None:
    customer = person(1)
    await only(database, customer)
    kinds = {MessageClass.MARKETING: "released", MessageClass.SERVICE: "reserved", MessageClass.LEGAL: "reserved"}
    for number, message_class in enumerate(kinds):
        wish = contacts.Wish(
            id=UUID(int=number), customer_id=customer, branch_id="B1", channel="sms", message_class=message_class,
            at=NOW,
        )  # fmt: skip
        async with database.transaction() as tx:
            assert await contacts.reserve(tx.conn, ContactPolicy(), [wish]) == [None]
    assert await withdraw(database, changed(customer, 1, (None, None, False))) == 1
    rows = await database.pool.fetch("SELECT message_class, state FROM contact")
    assert {MessageClass(r[0]): r[1] for r in rows} == kinds


async def test_refusing_to_be_picked_by_behaviour_ends_opportunities_too(database: Database, plan: Plans) -> None:
    (number,) = some("treated")
    await only(database, person(number))
    await open_all(database, plan, [raised(person(number))])
    refused = changed(person(number), 1, (None, None, True))
    personal = ConsentState(purpose="personalised_decision", granted=False, since=TODAY)
    await withdraw(database, refused.model_copy(update={"consents": (refused.consents[0], personal)}))
    assert await states(database) == {"suppressed": 1}


async def test_claims_that_run_while_consent_is_withdrawn(database: Database, plan: Plans) -> None:
    """Whatever the order of commits: once a withdrawal has committed no claim succeeds, and nothing stays reserved."""
    customers = [person(n) for n in some("treated", 24)]
    plan = replace(plan, policy=ContactPolicy())
    await only(database, *customers)
    await open_all(database, plan, [raised(c) for c in customers])
    task_ids = {r[0]: r[1] for r in await database.pool.fetch("SELECT customer_id, id FROM task")}
    withdrawn: dict[UUID, float] = {}
    made: list[tuple[UUID, float]] = []
    rng = random.Random(12)

    async def sender(order: list[UUID]) -> None:
        for customer in order * 3:
            started = time.monotonic()
            async with database.transaction() as tx:
                try:
                    await claims.claim(tx, plan, STAFF, task_ids[customer], "Asia/Shanghai")
                except Refusal:
                    continue
            made.append((customer, started))

    async def worker() -> None:
        for start in range(0, len(customers), 4):
            batch = customers[start : start + 4]
            await withdraw(database, *(changed(c, 1, (None, None, False)) for c in batch))
            withdrawn.update(dict.fromkeys(batch, time.monotonic()))
            await asyncio.sleep(0.01)

    async with asyncio.timeout(60):
        await asyncio.gather(worker(), *(sender(rng.sample(customers, len(customers))) for _ in range(4)))
    assert made  # some were quicker than the withdrawal
    assert [c for c, started in made if started > withdrawn[c]] == []
    assert await database.pool.fetchval("SELECT count(*) FROM contact WHERE state = 'reserved'") == 0
    assert await database.pool.fetchval("SELECT count(*) FROM task WHERE state <> 'closed'") == 0
    assert await states(database) == {"suppressed": len(customers)}


async def test_an_older_decision_is_not_presented_after_a_withdrawal(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer, manager="M1", quadrant="A")
    manager, client = token("relationship_manager", "B1", subject="M1"), service.client
    told = await nba(service, manager, customer, "relationship_manager")
    at_the_counter = await nba(service, manager, customer)
    assert told["actions"]
    no_deposits = changed(customer, 1, (None, None, True), (None, "time_deposit", False))
    await withdraw(cast("Database", service.runtime.database), no_deposits)
    present = f"/v1/decisions/{told['decision_id']}:present"
    refused = await client.post(present, json={}, headers=manager | key())
    assert (code(refused), refused.json()["reason"]) == ((409, "contact_refused"), "no_consent")
    pool = service.everything.pool
    assert await pool.fetchval("SELECT count(*) FROM contact WHERE decision_id IS NOT NULL") == 0
    fresh = await nba(service, manager, customer, "relationship_manager")
    assert {w["offer"] for w in fresh["withheld"] if w["rule"] == "consent"} == {"time-deposit-12m"}
    assert (
        await client.post(present, json={"offers": ["wealth-steady-6m"]}, headers=manager | key())
    ).status_code == 200
    # Who has come by themselves is told of everything.
    inbound = f"/v1/decisions/{at_the_counter['decision_id']}:present"
    assert (await client.post(inbound, json={}, headers=manager | key())).status_code == 200
    # A kind that is withdrawn afterwards takes the held contact with it.
    await withdraw(
        cast("Database", service.runtime.database), changed(customer, 2, ("relationship_manager", "loan", True))
    )
    held = await pool.fetch("SELECT state, disposition FROM contact WHERE direction = 'outbound'")
    assert {tuple(r) for r in held} == {("released", "consent_withdrawn")}


async def test_whoever_talks_to_the_customer_when_consent_ends_can_still_say_so(
    service: RunningService, token: Headers
) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    queue, client, pool = token("call_centre"), service.client, service.everything.pool
    (task,) = (await client.get("/v1/tasks", headers=queue)).json()["items"]
    await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    await withdraw(cast("Database", service.runtime.database), changed(customer, 1, (None, None, False)))
    other = token("call_centre", subject="somebody-else")
    body: dict[str, Any] = {"disposition": "reached"}
    refused = await client.post(f"/v1/tasks/{task['id']}:complete", json=body, headers=other | key())
    assert code(refused) == (409, "task_not_available")
    again = await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    assert code(again) == (409, "task_not_available")
    done = await client.post(f"/v1/tasks/{task['id']}:complete", json=body, headers=queue | key())
    assert done.status_code == 200, done.text
    assert tuple(await pool.fetchrow("SELECT state, beyond_policy, disposition FROM contact")) == (
        "confirmed", True, "reached",
    )  # fmt: skip
    assert await pool.fetchval("SELECT state FROM opportunity") == "suppressed"
