"""The message edge with everything real: NATS, PostgreSQL, the worker, its child processes and the lake."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from attune_contracts import datasets
from attune_contracts.customer_360 import ImportCompleted, OwnedAccount, ProfileChanged
from attune_contracts.eventing import ClockAdvanced, DetectionEvidence, DetectionWithdrawn
from attune_contracts.identifiers import account_id, partition
from attune_contracts.insight import FeaturesPublished
from attune_contracts.pointer import Pointer
from attune_contracts.scoring import Score, ScoresPublished
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from campaign import opportunities, plans
from campaign.app import SERVICE

from .conftest import AS_OF, NOW, SECRET, Headers, add_customer, arms, person, raised, write


@pytest.fixture
async def service(start_service: StartService) -> RunningService:
    """Campaign with its worker, at business time."""
    return await start_service(SERVICE, clock="events", arm_secret=SECRET)


def evidence(customer: UUID) -> DetectionEvidence:
    found = raised(customer)
    return DetectionEvidence(
        detection_id=found.detection_id,
        customer_id=customer,
        trigger=found.trigger,
        event_key=found.event_key,
        amount_minor=8_600_000,
        compared_with_minor=4_120_317,
        metric="mean_closing_balance_6m",
    )


async def tell_time(publish: Publish, now: datetime) -> None:
    told = [ClockAdvanced(now=now, business_date=now.date(), partition=p) for p in range(8)]
    await publish(*told, time=now)


async def counts(service: RunningService, what: str = "opportunity") -> dict[str, int]:
    rows = await service.everything.pool.fetch(f"SELECT state, count(*)::int FROM {what} GROUP BY 1")
    return dict(rows)


def party(customer: UUID, **more: Any) -> dict[str, Any]:
    return {
        "customer_id": str(customer),
        "source_id": "x",
        "party_kind": "person",
        "birth_date": date(1980, 5, 1),
        "branch_id": "B1",
        "has_phone": True,
        "has_address": True,
        "personalisation": True,
        "version": 1,
    } | more


def consents(customer: UUID) -> list[dict[str, Any]]:
    purposes = ("marketing_contact", "personalised_decision")
    given = {"granted": True, "evidence": "agreement 2023", "since": date(2023, 1, 1)}
    whole = {"channel": "*", "product_kind": "*", "basis": "decision", "version": 1}
    return [{"customer_id": str(customer), "purpose": p} | given | whole for p in purposes]


def features(customer: UUID, **more: Any) -> dict[str, Any]:
    numbers = {c.name: 0 for c in datasets.FEATURES.columns if c.type in ("BIGINT", "INTEGER") and not c.nullable}
    flags = {"holds_time_deposit": False, "holds_wealth": False, "value_quadrant": "D", "lifecycle": "new"}
    return {"customer_id": str(customer), "as_of": AS_OF} | numbers | flags | more


async def test_one_opportunity_for_a_detection_told_three_times(service: RunningService, publish: Publish) -> None:
    customers = [person(n) for n in range(40)]
    pool = service.everything.pool
    async with pool.acquire() as conn:
        for customer in customers:
            await add_customer(conn, customer)
    for number in range(3):
        told = [item for c in customers for item in (evidence(c), raised(c))]
        await publish(*(told if number % 2 else reversed(told)), time=NOW)

    async def applied() -> bool:
        return await pool.fetchval("SELECT count(*) FROM inbox") == 6 * len(customers)

    await eventually(applied, what="all events applied")
    arm = await arms(service)
    treated = sum(arm(c) == "treated" for c in customers)
    assert await counts(service) == {"open": treated, "held_out": len(customers) - treated}
    assert await counts(service, "task") == {"open": treated}
    assert await counts(service, "contact") == {"reserved": treated}
    rows = await pool.fetch("SELECT partition, customer_id, amount_minor FROM opportunity")
    assert all(r["partition"] == partition(r["customer_id"]) and r["amount_minor"] == 8_600_000 for r in rows)
    opened = await pool.fetchval("SELECT count(*) FROM outbox WHERE type = 'campaign.opportunity.opened.v1'")
    assert opened == len(customers)

    # 24 hours later the open ones escalate, 48 hours later all have expired.
    await tell_time(publish, NOW + timedelta(hours=24))

    async def escalated() -> bool:
        return (await counts(service)).get("escalated") == treated

    await eventually(escalated, what="escalation")
    withdrawn = raised(customers[0])
    await publish(
        DetectionWithdrawn(
            detection_id=withdrawn.detection_id,
            customer_id=customers[0],
            trigger=withdrawn.trigger,
            event_key=withdrawn.event_key,
            reason="reversal",
        ),
        time=NOW + timedelta(hours=25),
    )

    async def gone() -> bool:
        return (await counts(service)).get("withdrawn") == 1

    await eventually(gone, what="the withdrawal")
    await tell_time(publish, NOW + timedelta(hours=48))

    async def expired() -> bool:
        return await counts(service) == {"expired": len(customers) - 1, "withdrawn": 1}

    await eventually(expired, what="expiry")
    assert await counts(service, "task") == {"closed": treated}
    assert await counts(service, "contact") == {"released": treated}


def bank_files(lake_dir: Path, first: UUID, second: UUID) -> tuple[Pointer, ...]:
    """A small bank in the lake: the first customer has a manager, the second a wealth product."""
    return (
        write(
            lake_dir,
            datasets.BRANCHES,
            "all",
            [{"branch_id": "HQ", "name": "Head office"}, {"branch_id": "B1", "parent_id": "HQ", "name": "One"}],
        ),
        write(
            lake_dir,
            datasets.EMPLOYEES,
            "all",
            [{"employee_id": "M1", "branch_id": "B1", "role": "relationship_manager", "daily_capacity": 5}],
        ),
        write(
            lake_dir,
            datasets.PRODUCTS,
            "all",
            [{"product_id": "WS6M", "name_zh": "稳健", "name_en": "Steady", "kind": "wealth", "risk_level": "R2"}],
        ),
        write(
            lake_dir,
            datasets.PARTIES,
            "all",
            [party(first, risk_rating="C3", risk_rated_on=date(2025, 11, 2), manager_id="M1"), party(second)],
        ),
        write(
            lake_dir,
            datasets.ACCOUNTS,
            "all",
            [an_account("A1", first), an_account("A2", second), an_account("A3", second, closed_on=AS_OF)],
        ),
        write(
            lake_dir, datasets.HOLDINGS, "all", [{"holding_id": "H1", "customer_id": str(second), "product_id": "WS6M"}]
        ),
        write(lake_dir, datasets.CONSENTS, "all", [*consents(first), *consents(second)]),
    )


def an_account(name: str, owner: UUID, **more: Any) -> dict[str, Any]:
    """An account that the bank knows."""
    ids = {"account_id": str(account_id("tests", name)), "source_id": name, "customer_id": str(owner)}
    return ids | {"kind": "demand", "currency": "CNY", "opening_balance_minor": 0} | more


async def one_suppressed(service: RunningService, publish: Publish, customer: UUID) -> None:
    """A deposit of a customer whom campaign does not know yet."""
    await tell_time(publish, NOW)
    await publish(raised(customer), time=NOW)

    async def suppressed() -> bool:
        return await counts(service) == {"suppressed": 1}

    await eventually(suppressed, what="the unknown customer's opportunity")


async def import_the_bank(service: RunningService, publish: Publish, lake_dir: Path, first: UUID, second: UUID) -> None:
    """The bank's files arrive: the waiting opportunity is judged again."""
    await publish(ImportCompleted(import_id=uuid4(), pointers=bank_files(lake_dir, first, second)), time=NOW)

    async def judged_again() -> bool:
        return await counts(service) == {"open": 1}

    await eventually(judged_again, timeout=90, what="the import")
    pool = service.everything.pool
    assert [tuple(r) for r in await pool.fetch("SELECT * FROM branch_scope ORDER BY 1, 2")] == [
        ("B1", "B1"),
        ("HQ", "B1"),
        ("HQ", "HQ"),
    ]
    held = await pool.fetchrow("SELECT products, product_kinds FROM proj_party WHERE customer_id = $1", second)
    assert tuple(held) == (["WS6M"], ["wealth"])
    owners = {r[0]: r[1] for r in await pool.fetch("SELECT account_id, customer_id FROM proj_account")}
    assert owners == {account_id("tests", "A1"): first, account_id("tests", "A2"): second}


async def load_features_and_scores(
    service: RunningService, publish: Publish, lake_dir: Path, first: UUID, second: UUID
) -> None:
    """A merge that is newer than the bulk survives it, whichever comes first."""
    pool = service.everything.pool
    known = {"demand_balance_minor": 9_000_000, "value_quadrant": "A", "lifecycle": "growth", "digital_share_90d": 0.5}
    people = [features(first, **known), features(second)]
    snapshot = write(lake_dir, datasets.FEATURES, "as_of=2026-03-16", people)
    fresh = Score(model="propensity-purchase", version=2, score=0.9, scored_at=NOW)
    await publish(ScoresPublished(merge=True, customer_id=first, scores=(fresh,)), time=NOW)

    async def merged() -> bool:
        return await pool.fetchval("SELECT count(*) FROM proj_scores") == 1

    await eventually(merged, what="the merge")
    # Whom a batch before had, and this one has not: no model answers for them any more. Other models' scores stay.
    left, earlier = person(999), "INSERT INTO proj_scores VALUES ($1, $2, 1, 0.7, '2026-03-15T18:00Z')"
    await pool.executemany(earlier, [(left, "propensity-purchase"), (left, "churn")])
    night = datetime(2026, 3, 16, 18, tzinfo=UTC)
    bulk = write(
        lake_dir,
        datasets.SCORES,
        "model=propensity-purchase",
        [
            {"customer_id": str(c), "model": "propensity-purchase", "version": 1, "score": 0.1, "scored_at": night}
            for c in (first, second)
        ],
    )
    await publish(FeaturesPublished(pointer=snapshot), ScoresPublished(pointer=bulk), time=NOW)

    names = "SELECT count(*) FROM projection WHERE name IN ('features', 'scores/model=propensity-purchase')"

    async def loaded() -> bool:
        both = await pool.fetchval(names) == 2
        return both and await pool.fetchval("SELECT count(*) FROM job WHERE state <> 'done'") == 0

    await eventually(loaded, timeout=90, what="features and scores")
    rows = await pool.fetch("SELECT customer_id, version, score, model FROM proj_scores")
    held = {(row["customer_id"], row["model"][:5]): (row["version"], row["score"]) for row in rows}
    assert held == {(first, "prope"): (2, 0.9), (second, "prope"): (1, 0.1), (left, "churn"): (1, 0.7)}
    assert await pool.fetchval("SELECT count(*) FROM pg_class WHERE relname = 'proj_features_old'") == 1


async def followed(service: RunningService, publish: Publish, token: Headers, customer: UUID) -> list[UUID]:
    """The accounts held after a live change of a profile, which the hot statement follows as it does swapped tables."""
    path = f"/v1/customers/{customer}/next-best-actions?channel=counter"
    told = (await service.client.get(path, headers=token("teller", "B1"))).json()
    assert told["customer_type"] == {"value_quadrant": "A", "risk_rating": "C3", "lifecycle": "growth"}
    assert told["models"] == [{"name": "propensity-purchase", "version": 2}]
    bought = OwnedAccount(account_id=account_id("tests", "A9"), kind="time")
    off = ProfileChanged(
        customer_id=customer,
        version=3,
        party_kind="person",
        branch_id="B1",
        personalisation=False,
        accounts=(bought,),
    )
    older = ProfileChanged(customer_id=customer, version=2, party_kind="person", branch_id="B1", personalisation=True)
    await publish(off, older, time=NOW)

    async def switched_off() -> bool:
        answer = (await service.client.get(path, headers=token("teller", "B1"))).json()
        return answer["personalised"] is False

    await eventually(switched_off, what="personalisation off")
    pool = service.everything.pool
    assert await pool.fetchval("SELECT version FROM proj_party WHERE customer_id = $1", customer) == 3
    held = await pool.fetch("SELECT account_id FROM proj_account WHERE customer_id = $1", customer)
    return [row[0] for row in held]


async def test_projections_follow_import_features_and_scores(
    service: RunningService, publish: Publish, lake_dir: Path, token: Headers
) -> None:
    arm = await arms(service)
    first, second = [c for c in (person(n) for n in range(100)) if arm(c) == "treated"][:2]
    await one_suppressed(service, publish, first)
    await import_the_bank(service, publish, lake_dir, first, second)
    await load_features_and_scores(service, publish, lake_dir, first, second)
    assert await followed(service, publish, token, first) == [account_id("tests", "A9")]
    # No version of the model answers any more: what it has scored goes, newer single scores too.
    nothing = write(lake_dir, datasets.SCORES, "model=propensity-purchase", [])
    await publish(ScoresPublished(pointer=nothing), time=NOW)
    gone = "SELECT array_agg(model) = '{churn}' FROM proj_scores"
    await eventually(lambda: service.everything.pool.fetchval(gone), what="no score of the model")


async def assign(service: RunningService, customers: Sequence[UUID], second_for: UUID) -> None:
    """Give each customer an opportunity at NOW, and one of them another, a week later."""
    database, later = service.runtime.worker_database, NOW + timedelta(days=7)
    async with database.transaction() as tx:
        plan = await plans.current(database, tx.conn)
        for customer in customers:
            await add_customer(tx.conn, customer)
        detected = [opportunities.Detected(raised(c), NOW) for c in customers]
        detected.append(opportunities.Detected(raised(second_for, "T2", at=later), later))
        await opportunities.open_for(tx, plan, detected)


def posting(number: int, owner: UUID, on: date, kind: str, **more: Any) -> dict[str, Any]:
    """A posting on the only account of this customer."""
    return {
        "posting_id": f"T{number}",
        "account_id": str(account_id("tests", str(owner))),
        "business_date": on,
        "direction": "debit",
        "amount_minor": 100,
        "currency": "CNY",
        "kind": kind,
        "flags": [],
    } | more


def purchases(t1: UUID, t2: UUID, t3: UUID, c1: UUID, c2: UUID, u1: UUID) -> list[dict[str, Any]]:
    """What the six did: T1, C1 and the universal one bought within the window of 14 business days, and kept it."""
    day, last = NOW.date(), date(2026, 4, 7)  # the 14th business day after 17 March
    return [
        posting(1, t1, last, "time_deposit_opened"),
        posting(2, t1, day + timedelta(days=1), "wealth_purchase"),  # a second purchase counts once
        posting(3, t2, day, "wealth_purchase"),  # on the day itself: not after it
        posting(
            4, t2, last + timedelta(days=1), "wealth_purchase"
        ),  # a day too late; T2's later opportunity is no help
        posting(5, t3, day + timedelta(days=2), "wealth_purchase"),  # reversed below
        posting(6, t3, day + timedelta(days=3), "wealth_purchase", reverses="T5", flags=["reversal"]),
        posting(7, c1, day + timedelta(days=3), "wealth_purchase"),
        posting(8, c2, day + timedelta(days=3), "transfer_out"),
        posting(9, u1, day + timedelta(days=3), "wealth_purchase"),
    ]


def keep_ledger(lake_dir: Path, customers: Sequence[UUID], postings: Sequence[dict[str, Any]]) -> None:
    """Write an account for each customer, and the postings by month, into the lake."""
    write(lake_dir, datasets.ACCOUNTS, "all", [an_account(str(c), c) for c in customers])
    for month in ("2026-03", "2026-04"):
        mine = [p for p in postings if p["business_date"].isoformat().startswith(month)]
        write(lake_dir, datasets.TRANSACTIONS, f"month={month}", mine)


async def compute(service: RunningService, operator: dict[str, str]) -> Any:
    """Have the result computed; the job when it is done."""
    client = service.client
    started = await client.post(
        "/v1/campaigns/large-deposit/results", headers=operator | {"Idempotency-Key": uuid4().hex}
    )
    assert started.status_code == 202, started.text

    async def finished() -> Any:
        job = (await client.get(f"/v1/jobs/campaign/{started.json()['id']}", headers=operator)).json()
        assert job["error"] is None, job["error"]
        return job if job["state"] == "done" else None

    return await eventually(finished, timeout=90, every=0.2, what="the result")


async def test_the_result_comes_from_the_ledger_by_hand_computed(
    service: RunningService, lake_dir: Path, token: Headers
) -> None:
    """Six customers: treated 1 of 3 bought in the window, control 1 of 2; the universal one stands outside."""
    arm = await arms(service, 5000)
    by_arm: dict[str, list[UUID]] = {"treated": [], "control": [], "universal": []}
    for customer in (person(n) for n in range(2000)):
        by_arm[arm(customer)].append(customer)
    t1, t2, t3 = by_arm["treated"][:3]
    c1, c2 = by_arm["control"][:2]
    (u1,) = by_arm["universal"][:1]
    client, operator = service.client, token("operator") | {"Idempotency-Key": uuid4().hex}
    kinds = ["time_deposit_opened", "wealth_purchase"]
    wanted = {"version": 1, "control_share": 0.5, "outcome_kinds": kinds, "window_business_days": 14}
    assert (await client.put("/v1/campaigns/large-deposit", json=wanted, headers=operator)).status_code == 200
    everyone = (t1, t2, t3, c1, c2, u1)
    await assign(service, everyone, second_for=t2)
    keep_ledger(lake_dir, everyone, purchases(*everyone))
    job = await compute(service, operator)
    told = (await client.get("/v1/campaigns/large-deposit/results", headers=operator)).json()
    assert job["result"] == told
    assert told["treated"] == {"n": 3, "outcomes": 1, "rate": 1 / 3}
    assert told["control"] == {"n": 2, "outcomes": 1, "rate": 0.5}
    assert told["difference"] == pytest.approx(1 / 3 - 1 / 2)
    assert (told["verdict"], told["reason"]) == ("not proved", "sample_too_small")
    assert (told["as_of"], told["final"], told["campaign_version"]) == ("2026-04-08", True, 2)
    listed = (await client.get("/v1/campaigns/large-deposit/assignments", headers=operator)).json()["items"]
    assert {(a["customer_id"], a["arm"]) for a in listed} == {
        (str(c), a) for a, cs in (("treated", (t1, t2, t3)), ("control", (c1, c2)), ("universal", (u1,))) for c in cs
    }
