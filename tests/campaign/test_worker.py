"""The message edge with everything real: NATS, PostgreSQL, the worker, its child processes and the lake."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from attune_contracts import datasets
from attune_contracts.customer_360 import ImportCompleted, ProfileChanged
from attune_contracts.eventing import ClockAdvanced, DetectionEvidence, DetectionWithdrawn
from attune_contracts.identifiers import partition
from attune_contracts.insight import FeaturesPublished
from attune_contracts.pointer import Pointer
from attune_contracts.scoring import Score, ScoresPublished
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
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
    rows = await service.runtime.database.pool.fetch(f"SELECT state, count(*)::int FROM {what} GROUP BY 1")
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
    } | more


def consents(customer: UUID) -> list[dict[str, Any]]:
    purposes = ("marketing_contact", "personalised_decision")
    given = {"granted": True, "evidence": "agreement 2023", "since": date(2023, 1, 1)}
    return [{"customer_id": str(customer), "purpose": p} | given for p in purposes]


def features(customer: UUID, **more: Any) -> dict[str, Any]:
    numbers = {c.name: 0 for c in datasets.FEATURES.columns if c.type in ("BIGINT", "INTEGER") and not c.nullable}
    flags = {"holds_time_deposit": False, "holds_wealth": False, "value_quadrant": "D"}
    return {"customer_id": str(customer), "as_of": AS_OF} | numbers | flags | more


async def test_one_opportunity_for_a_detection_told_three_times(service: RunningService, publish: Publish) -> None:
    customers = [person(n) for n in range(40)]
    pool = service.runtime.database.pool
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
            lake_dir, datasets.HOLDINGS, "all", [{"holding_id": "H1", "customer_id": str(second), "product_id": "WS6M"}]
        ),
        write(lake_dir, datasets.CONSENTS, "all", [*consents(first), *consents(second)]),
    )


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
    pool = service.runtime.database.pool
    assert [tuple(r) for r in await pool.fetch("SELECT * FROM branch_scope ORDER BY 1, 2")] == [
        ("B1", "B1"),
        ("HQ", "B1"),
        ("HQ", "HQ"),
    ]
    held = await pool.fetchrow("SELECT products, product_kinds FROM proj_party WHERE customer_id = $1", second)
    assert tuple(held) == (["WS6M"], ["wealth"])


async def load_features_and_scores(
    service: RunningService, publish: Publish, lake_dir: Path, first: UUID, second: UUID
) -> None:
    """A merge that is newer than the bulk survives it, whichever comes first."""
    pool = service.runtime.database.pool
    snapshot = write(
        lake_dir,
        datasets.FEATURES,
        "as_of=2026-03-16",
        [features(first, value_quadrant="A", demand_balance_minor=7_000_000, digital_share_90d=0.5), features(second)],
    )
    fresh = Score(model="propensity-purchase", version=2, score=0.9, scored_at=NOW)
    await publish(ScoresPublished(merge=True, customer_id=first, scores=(fresh,)), time=NOW)

    async def merged() -> bool:
        return await pool.fetchval("SELECT count(*) FROM proj_scores") == 1

    await eventually(merged, what="the merge")
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

    async def loaded() -> bool:
        rows = await pool.fetch(
            "SELECT name FROM projection WHERE name IN ('features', 'scores/model=propensity-purchase')"
        )
        return len(rows) == 2 and await pool.fetchval("SELECT count(*) FROM job WHERE state <> 'done'") == 0

    await eventually(loaded, timeout=90, what="features and scores")
    scores = {r[0]: (r[1], r[2]) for r in await pool.fetch("SELECT customer_id, version, score FROM proj_scores")}
    assert scores == {first: (2, 0.9), second: (1, 0.1)}
    assert await pool.fetchval("SELECT count(*) FROM pg_class WHERE relname = 'proj_features_old'") == 1


async def follow_the_profile(service: RunningService, publish: Publish, token: Headers, customer: UUID) -> None:
    """The hot statement follows the swapped tables, and live changes of a profile."""
    path = f"/v1/customers/{customer}/next-best-actions?channel=counter"
    told = (await service.client.get(path, headers=token("teller", "B1"))).json()
    assert told["customer_type"] == {"value_quadrant": "A", "risk_rating": "C3", "lifecycle": None}
    assert told["models"] == [{"name": "propensity-purchase", "version": 2}]
    off = ProfileChanged(customer_id=customer, version=3, party_kind="person", branch_id="B1", personalisation=False)
    older = ProfileChanged(customer_id=customer, version=2, party_kind="person", branch_id="B1", personalisation=True)
    await publish(off, older, time=NOW)

    async def switched_off() -> bool:
        answer = (await service.client.get(path, headers=token("teller", "B1"))).json()
        return answer["personalised"] is False

    await eventually(switched_off, what="personalisation off")
    pool = service.runtime.database.pool
    assert await pool.fetchval("SELECT version FROM proj_party WHERE customer_id = $1", customer) == 3


async def test_projections_follow_import_features_and_scores(
    service: RunningService, publish: Publish, lake_dir: Path, token: Headers
) -> None:
    arm = await arms(service)
    first, second = [c for c in (person(n) for n in range(100)) if arm(c) == "treated"][:2]
    await one_suppressed(service, publish, first)
    await import_the_bank(service, publish, lake_dir, first, second)
    await load_features_and_scores(service, publish, lake_dir, first, second)
    await follow_the_profile(service, publish, token, first)
