"""Detections become opportunities, on a real database (X9, X10, X13)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from attune_contracts.eventing import DetectionEvidence, DetectionRaised, DetectionWithdrawn
from attune_measure.arms import assign
from attune_service_kit.database import Database
from campaign import opportunities, plans
from campaign.plans import Plans

from .conftest import NOW, SALTS, add_customer, person, raised


async def open_all(database: Database, plan: Plans, detections: Sequence[DetectionRaised], now: datetime = NOW) -> int:
    async with database.transaction() as tx:
        return await opportunities.open_for(tx, plan, [opportunities.Detected(d, now) for d in detections])


def arm_of(number: int, control_share_bp: int = 1000) -> str:
    return assign(
        person(number),
        universal_salt=SALTS["universal"],
        universal_share_bp=200,
        salt=SALTS["large-deposit"],
        control_share_bp=control_share_bp,
    )


def some(arm: str, how_many: int = 1) -> list[int]:
    """The first customers' numbers that fall into an arm."""
    return [n for n in range(5000) if arm_of(n) == arm][:how_many]


async def events(database: Database, kind: str) -> list[dict[str, Any]]:
    rows = await database.pool.fetch("SELECT payload FROM outbox WHERE type LIKE $1 ORDER BY seq", f"%{kind}%")
    return [orjson.loads(row[0])["data"] for row in rows]


async def states(database: Database) -> dict[str, int]:
    return dict(await database.pool.fetch("SELECT state, count(*)::int FROM opportunity GROUP BY 1"))


async def test_every_detection_is_one_opportunity_however_often_it_comes(database: Database, plan: Plans) -> None:
    async with database.pool.acquire() as conn:
        for n in range(60):
            await add_customer(conn, person(n), consents={} if n % 6 == 0 else None)
    detections = [raised(person(n)) for n in range(80)]
    opened = [await open_all(database, plan, detections[i : i + 40] + detections[:5]) for i in (0, 40, 20)]
    assert opened == [40, 40, 0]
    rows = await database.pool.fetch("SELECT * FROM opportunity")
    assert len(rows) == 80
    for row in rows:
        n = next(i for i in range(80) if person(i) == row["customer_id"])
        reason = "unknown_customer" if n >= 60 else "no_consent" if n % 6 == 0 else None
        assert row["reason"] == reason
        assert row["arm"] == arm_of(n)
        assert row["assigned"] == (reason is None)
        expected = "suppressed" if reason else "open" if arm_of(n) == "treated" else "held_out"
        assert row["state"] == expected
        assert row["due"] == NOW + timedelta(hours=24 if expected == "open" else 48)
    told = Counter(e["state"] for e in await events(database, "opportunity.opened"))
    assert told == await states(database)
    open_ = told["open"]
    assert await database.pool.fetchval("SELECT count(*) FROM task WHERE state = 'open'") == open_
    assert await database.pool.fetchval("SELECT count(*) FROM contact WHERE state = 'reserved'") == open_
    assert len(await events(database, "opportunity.assigned")) == open_


async def test_a_second_opportunity_joins_the_open_task(database: Database, plan: Plans) -> None:
    (number,) = some("treated")
    async with database.pool.acquire() as conn:
        await add_customer(conn, person(number))
    await open_all(database, plan, [raised(person(number), "T1"), raised(person(number), "T2")])
    await open_all(database, plan, [raised(person(number), "T3")])
    rows = await database.pool.fetch("SELECT state, task_id FROM opportunity")
    assert [r["state"] for r in rows] == ["open"] * 3
    assert len({r["task_id"] for r in rows}) == 1
    assert await database.pool.fetchval("SELECT count(*) FROM task") == 1
    assert await database.pool.fetchval("SELECT count(*) FROM contact") == 1


async def test_the_contact_policy_suppresses_treated_and_held_out(database: Database, plan: Plans) -> None:
    numbers = [*some("treated", 2), *some("control", 2)]
    async with database.pool.acquire() as conn:
        for n in numbers:
            await add_customer(conn, person(n))
            for _ in range(2):
                await conn.execute(
                    "INSERT INTO contact (id, customer_id, channel, direction, message_class, state, at, beyond_policy)"
                    " VALUES (gen_random_uuid(), $1, 'counter', 'inbound', 'marketing', 'confirmed', $2, false)",
                    person(n),
                    NOW - timedelta(days=1),
                )
    await open_all(database, plan, [raised(person(n)) for n in numbers])
    rows = await database.pool.fetch("SELECT state, reason, assigned FROM opportunity")
    assert {tuple(r) for r in rows} == {("suppressed", "frequency_cap", False)}
    assert await database.pool.fetchval("SELECT count(*) FROM task") == 0


async def test_channels_and_the_managers_capacity(database: Database, plan: Plans) -> None:
    first, second, third, fourth = some("treated", 4)
    async with database.pool.acquire() as conn:
        await conn.execute("INSERT INTO employee VALUES ('M1', 'B1', 'relationship_manager', 1)")
        await add_customer(conn, person(first), manager="M1", quadrant="A")
        await add_customer(conn, person(second), manager="M1", quadrant="B")
        await add_customer(conn, person(third), digital_share=0.8)
        # Not agreed to personalised decisions: neither quadrant nor digital share is read.
        await add_customer(
            conn, person(fourth), manager="M1", quadrant="A", digital_share=0.9, consents={"marketing_contact": True}
        )
    await open_all(database, plan, [raised(person(n)) for n in (first, second, third, fourth)])
    rows = await database.pool.fetch("SELECT customer_id, channel, employee_id, branch_id FROM task")
    assert {(r["customer_id"], r["channel"], r["employee_id"]) for r in rows} == {
        (person(first), "relationship_manager", "M1"),
        (person(second), "call_centre", None),
        (person(third), "mobile", None),
        (person(fourth), "call_centre", None),
    }
    assert {r["branch_id"] for r in rows} == {"B1"}


async def test_evidence_before_and_after_its_detection(database: Database, plan: Plans) -> None:
    def evidence(number: int) -> DetectionEvidence:
        d = raised(person(number))
        return DetectionEvidence(
            detection_id=d.detection_id,
            customer_id=d.customer_id,
            trigger=d.trigger,
            event_key=d.event_key,
            amount_minor=8_600_000 + number,
            compared_with_minor=4_120_317,
            metric="mean_closing_balance_6m",
        )

    async with database.transaction() as tx:
        await opportunities.add_evidence(tx, [evidence(1)])
        await opportunities.add_evidence(tx, [evidence(1)])
    await open_all(database, plan, [raised(person(1)), raised(person(2))])
    async with database.transaction() as tx:
        await opportunities.add_evidence(tx, [evidence(2), evidence(1)])
    rows = await database.pool.fetch("SELECT customer_id, amount_minor, metric FROM opportunity")
    assert {(r[0], r[1]) for r in rows} == {(person(1), 8_600_001), (person(2), 8_600_002)}
    assert await database.pool.fetchval("SELECT count(*) FROM pending_evidence") == 0


async def test_withdrawing_closes_the_untouched_and_marks_the_touched(database: Database, plan: Plans) -> None:
    untouched, touched, joined = some("treated", 3)
    (held_out,) = some("control")
    async with database.pool.acquire() as conn:
        for n in (untouched, touched, joined, held_out):
            await add_customer(conn, person(n))
    detections = [raised(person(n)) for n in (untouched, touched, joined, held_out)]
    await open_all(database, plan, [*detections, raised(person(joined), "T2")])
    await database.pool.execute(
        "UPDATE task SET state = 'claimed', claimed_by = 'M1' WHERE customer_id = $1", person(touched)
    )
    withdrawn = [
        DetectionWithdrawn(
            detection_id=d.detection_id, customer_id=d.customer_id, trigger=d.trigger, event_key="T1", reason="reversal"
        )
        for d in detections
    ]
    for _ in range(2):
        async with database.transaction() as tx:
            await opportunities.withdraw(tx, [(w, NOW + timedelta(hours=1)) for w in withdrawn])
    rows = await database.pool.fetch("SELECT customer_id, event_key, state, withdrawn_at FROM opportunity")
    found = {(r["customer_id"], r["event_key"]): (r["state"], r["withdrawn_at"] is not None) for r in rows}
    assert found == {
        (person(untouched), "T1"): ("withdrawn", True),
        (person(touched), "T1"): ("open", True),
        (person(joined), "T1"): ("withdrawn", True),
        (person(joined), "T2"): ("open", False),
        (person(held_out), "T1"): ("withdrawn", True),
    }
    tasks = dict(await database.pool.fetch("SELECT customer_id, state FROM task"))
    assert tasks == {person(untouched): "closed", person(touched): "claimed", person(joined): "open"}
    contacts = dict(await database.pool.fetch("SELECT customer_id, state FROM contact"))
    assert contacts[person(untouched)] == "released"
    assert contacts[person(joined)] == "reserved"


async def test_raised_again_it_stands_again_with_a_task_of_its_own(database: Database, plan: Plans) -> None:
    (number,) = some("treated")
    async with database.pool.acquire() as conn:
        await add_customer(conn, person(number))
    found = raised(person(number))
    withdrawn = DetectionWithdrawn(
        detection_id=found.detection_id,
        customer_id=found.customer_id,
        trigger=found.trigger,
        event_key=found.event_key,
        reason="late_posting",
    )
    for _ in range(2):
        await open_all(database, plan, [found])
        assert await states(database) == {"open": 1}
        async with database.transaction() as tx:
            await opportunities.withdraw(tx, [(withdrawn, NOW)])
        assert await states(database) == {"withdrawn": 1}
    await open_all(database, plan, [found], NOW + timedelta(hours=1))
    await open_all(database, plan, [found], NOW + timedelta(hours=1))
    alive = await database.pool.fetch(
        "SELECT o.id FROM opportunity o JOIN task t ON t.id = o.task_id AND t.state = 'open'"
        " JOIN contact c ON c.id = t.contact_id AND c.state = 'reserved'"
    )
    assert len(alive) == 1
    # Too late to act on: it stands for the counts, and nobody is asked to do anything.
    async with database.transaction() as tx:
        await opportunities.withdraw(tx, [(withdrawn, NOW + timedelta(hours=2))])
    await open_all(database, plan, [found], NOW + timedelta(hours=49))
    assert await states(database) == {"expired": 1}
    assert await database.pool.fetchval("SELECT count(*) FROM task WHERE state = 'open'") == 0


async def test_who_was_unknown_is_judged_again_while_the_clock_runs(database: Database, plan: Plans) -> None:
    in_time, too_late, still_unknown = some("treated", 3)
    (held_out,) = some("control")
    early = NOW - timedelta(hours=49)
    await open_all(database, plan, [raised(person(n)) for n in (in_time, still_unknown, held_out)])
    await open_all(database, plan, [raised(person(too_late), at=early)], early)
    async with database.transaction() as tx:
        for n in (in_time, too_late, held_out):
            await add_customer(tx.conn, person(n))
        known = [person(n) for n in (in_time, too_late, held_out)]
        assert await opportunities.judge_again(tx, plan, known, NOW) == 2
        assert await opportunities.judge_again(tx, plan, known, NOW) == 0
    rows = await database.pool.fetch("SELECT customer_id, state, branch_id, assigned FROM opportunity")
    assert {(r[0], r[1], r[2], r[3]) for r in rows} == {
        (person(in_time), "open", "B1", True),
        (person(held_out), "held_out", "B1", True),
        (person(too_late), "suppressed", None, False),
        (person(still_unknown), "suppressed", None, False),
    }
    assert await database.pool.fetchval("SELECT count(*) FROM task") == 1


async def test_a_changed_share_moves_new_opportunities_only(database: Database, plan: Plans) -> None:
    numbers = [n for n in range(300) if arm_of(n) == "treated" and arm_of(n, 5000) == "control"][:5]
    async with database.pool.acquire() as conn:
        for n in numbers:
            await add_customer(conn, person(n))
    await open_all(database, plan, [raised(person(numbers[0]))])
    await database.pool.execute(
        "INSERT INTO campaign (code, version, trigger, family, control_share_bp, outcome, outcome_kinds,"
        " window_business_days, enabled, name_zh, name_en, created_by) SELECT code, 2, trigger, family, 5000, outcome,"
        " outcome_kinds, window_business_days, enabled, name_zh, name_en, 'test' FROM campaign WHERE version = 1"
    )
    await open_all(database, plan, [raised(person(n)) for n in numbers])
    arms = dict(await database.pool.fetch("SELECT customer_id, arm FROM opportunity"))
    assert arms[person(numbers[0])] == "treated"
    assert {arms[person(n)] for n in numbers[1:]} == {"control"}


async def test_salts_hold_on_their_days(database: Database) -> None:
    await database.pool.execute("UPDATE salt SET valid_to = '2026-03-31' WHERE name = 'large-deposit'")
    await database.pool.execute(
        "INSERT INTO salt VALUES ('large-deposit', '2026-04-01', NULL, 'another-salt-of-the-tests')"
    )
    plans._CACHE.clear()
    async with database.pool.acquire() as conn:
        plan = await plans.current(database, conn)
    before = [plan.arm("large-deposit", 5000, person(n), NOW.date()) for n in range(200)]
    after = [plan.arm("large-deposit", 5000, person(n), datetime(2026, 4, 1).date()) for n in range(200)]
    assert before == [arm_of(n, 5000) for n in range(200)]
    assert before != after
