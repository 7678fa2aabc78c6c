"""A rebuild leaves the bytes that the live worker leaves in order: under disorder, kills and postings still coming."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from attune_contracts.customer_360 import OwnedAccount, ProfileChanged
from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.failpoints import VARIABLE
from attune_service_kit.testing import Publish, StartService, eventually, provision_streams
from eventing.app import SERVICE

PEOPLE = [f"P{n}" for n in range(10)]
FIRST = date(2024, 1, 1)
NOON = datetime(2024, 9, 2, 4, tzinfo=UTC)
LATENESS = 20


def profile(name: str, *accounts: str, version: int = 1, branch: str = "B1") -> ProfileChanged:
    owned = tuple(
        OwnedAccount(account_id=account_id("test", a), kind="time" if a.endswith("-T") else "demand",
                     opening_balance_minor=500) for a in accounts or (name, f"{name}-T")
    )  # fmt: skip
    return ProfileChanged(
        customer_id=customer_id("test", name), version=version, party_kind="person", branch_id=branch, accounts=owned
    )


def said(name: str, key: str, day: date, net: int, account: str | None = None, **more: Any) -> TransactionPosted:
    where = account or name
    return TransactionPosted.model_validate(
        {"customer_id": customer_id("test", name), "posting_id": key, "account_id": account_id("test", where),
         "account_kind": "time" if where.endswith("-T") else "demand", "business_date": day,
         "direction": "credit" if net > 0 else "debit", "amount_minor": abs(net), "currency": "CNY", "kind": "x"} | more
    )  # fmt: skip


def invented(seed: int) -> list[TransactionPosted]:
    """Ten people over ten months, in order: with time accounts, own transfers and reversals."""
    draw = random.Random(seed)
    found: list[TransactionPosted] = []
    for name in PEOPLE:
        mine = [said(name, f"{name}-0", FIRST, 10_000)]
        for n in range(1, draw.randint(25, 40)):
            day = FIRST + timedelta(draw.randint(1, 300))
            net = draw.choice((-1, 1, 1)) * int(draw.lognormvariate(9, 1.2) + 1)
            more: dict[str, Any] = {"flags": ["own_transfer"]} if draw.random() < 0.1 else {}
            if net < 0 and draw.random() < 0.3:
                target = draw.choice(mine)
                more = {"reverses": target.posting_id, "flags": ["reversal"]}
                day = max(day, target.business_date)
            mine.append(said(name, f"{draw.randint(0, 9)}-{name}-{n}", day, net,
                             draw.choice((name, name, f"{name}-T")), **more))  # fmt: skip
        found += mine
    return sorted(found, key=lambda p: (p.business_date, p.posting_id))


def disordered(postings: list[TransactionPosted], seed: int) -> list[TransactionPosted]:
    """Half of them late by up to the lateness."""
    draw = random.Random(seed)
    late = [draw.randint(1, LATENESS) if draw.random() < 0.5 else 0 for _ in postings]
    arrival = [(p.business_date + timedelta(d), draw.random(), p) for d, p in zip(late, postings, strict=True)]
    return [posting for _, _, posting in sorted(arrival, key=lambda a: a[:2])]


async def states(service: Any) -> dict[tuple[Any, ...], bytes]:
    rows = await service.rows("SELECT customer_id, trigger, partition, packed FROM keyed_state")
    return {(row["customer_id"], row["trigger"], row["partition"]): row["packed"] for row in rows}


async def standing(service: Any) -> set[str]:
    return {row["event_key"] for row in await service.rows("SELECT event_key FROM detection WHERE state = 'raised'")}


async def applied(service: Any, count: int) -> None:
    async def there() -> bool:
        return bool((await service.rows("SELECT count(*) AS n FROM posting WHERE came <> 'lake'"))[0]["n"] == count)

    await eventually(there, 90, every=0.1, what=f"{count} postings")


async def owners(service: Any, *profiles: ProfileChanged) -> None:
    await service.publish(*profiles)
    count = sum(len(p.accounts) for p in profiles)

    async def known() -> bool:
        return len(await service.rows("SELECT 1 FROM account_owner")) == count

    await eventually(known, what="the owners")


async def open_with_lateness(wrap: Callable[..., Any], start_service: StartService, *fixtures: Any) -> Any:
    service = wrap(await start_service(SERVICE, clock="events"), *fixtures)
    body = {"lateness_days": LATENESS, "cooldown_days": 7}
    assert (await service.send("PUT", "/v1/triggers/large-deposit", body)).status_code == 200
    await owners(service, *(profile(name) for name in PEOPLE))
    return service


async def done_after_death_at(
    service: Any, place: str, monkeypatch: pytest.MonkeyPatch, path: str = "/v1/ledger/rebuilds", **body: Any
) -> Any:
    """Start a job whose process dies at a place, as by kill -9; return its result once a second one is through."""
    monkeypatch.setenv(VARIABLE, place)
    started = await service.send("POST", path, body)
    job = UUID(started.json()["id"])

    async def begun() -> bool:
        return bool((await service.rows("SELECT attempts FROM job WHERE id = $1", job))[0]["attempts"])

    await eventually(begun, 90, what="the first process")
    monkeypatch.delenv(VARIABLE)  # the next process lives
    result = await service.done(started)
    assert await service.rows("SELECT attempts FROM job WHERE id = $1", job) == [{"attempts": 2}]
    return result


async def test_a_killed_rebuild_beside_a_living_stream_leaves_the_bytes_of_the_order(
    eventing: Any,
    start_service: StartService,
    streams: Any,
    token: Any,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    postings = invented(3)
    first = eventing
    assert (await first.send("PUT", "/v1/triggers/large-deposit",
                             {"lateness_days": LATENESS, "cooldown_days": 7})).status_code == 200  # fmt: skip
    await owners(first, *(profile(name) for name in PEOPLE))
    await publish(*postings, time=NOON)
    await applied(first, len(postings))
    in_order, stands = await states(first), await standing(first)
    assert len(stands) > 5
    await first.service.stop()

    await provision_streams(streams)
    second = await open_with_lateness(type(eventing), start_service, token, publish)
    arrival = disordered(postings, 4)
    half = len(arrival) // 2
    await publish(*arrival[:half], time=NOON)

    async def keep_coming() -> None:
        for posting in arrival[half:]:
            await publish(posting, time=NOON)
            await asyncio.sleep(0.004)

    coming = asyncio.create_task(keep_coming())
    for place in ("rebuild.swapped", "job.before_done"):
        result = await done_after_death_at(second, place, monkeypatch)
        assert (result["raised"], result["withdrawn"]) == (0, 0)
    await coming
    await applied(second, len(arrival))
    assert await states(second) == in_order
    assert await standing(second) == stands
    # All that is known, and all days before one, give the same bytes.
    last = await second.done(await second.send("POST", "/v1/ledger/rebuilds", {}))
    assert (last["raised"], last["withdrawn"], last["customers"]) == (0, 0, len(PEOPLE))
    assert await states(second) == in_order
    await second.done(await second.send("POST", "/v1/ledger/rebuilds", {"before": "2030-01-01"}))
    assert await states(second) == in_order


async def test_a_rebuild_finds_what_came_beyond_the_watermark(eventing: Any, publish: Publish) -> None:
    await owners(eventing, profile("A", "A"), profile("B", "B"))
    assert (await eventing.send("PUT", "/v1/triggers/large-deposit", {"cooldown_days": 0})).status_code == 200
    day = date(2024, 9, 2)
    on_time = [said("A", "a0", FIRST, 10_000), said("A", "a1", day, 10_300), said("B", "b0", FIRST, 10_000),
               said("B", "b1", day, 10_501)]  # fmt: skip
    far = [said(name, f"{name}-far", day + timedelta(40), -1) for name in ("A", "B")]
    # A's credit would have fired over the smaller balance, B's not over the larger one; A's own late credit is a hit.
    beyond = [said("A", "late-1", FIRST + timedelta(2), -400), said("A", "late-2", day + timedelta(2), 90_000),
              said("B", "late-3", FIRST + timedelta(3), 5_000)]  # fmt: skip
    await publish(*on_time, *far, *beyond, time=NOON)
    await applied(eventing, 9)
    assert await standing(eventing) == {"b1"}
    came = await eventing.rows("SELECT posting_id FROM posting WHERE came = 'beyond' ORDER BY 1")
    assert [row["posting_id"] for row in came] == ["late-1", "late-2", "late-3"]
    asked = {"customer_id": str(customer_id("test", "A")), "posting_id": "late-2"}
    why = (await eventing.get("/v1/detections/why", role="auditor", **asked)).json()
    assert why["postings"][0]["triggers"][0]["failed"] == "lateness"

    result = await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {}))
    assert result == {"customers": 2, "before": None, "raised": 2, "withdrawn": 1}
    assert await standing(eventing) == {"a1", "late-2"}
    said_so = await eventing.rows("SELECT type, count(*) AS n FROM outbox WHERE type LIKE 'eventing.det%' GROUP BY 1")
    assert {row["type"].split(".")[2]: row["n"] for row in said_so} == {"raised": 3, "evidence": 3, "withdrawn": 1}
    late = await eventing.rows("SELECT late, reason FROM detection ORDER BY event_key")
    assert [(row["late"], row["reason"]) for row in late] == [(True, None), (False, "late_posting"), (True, None)]
    why = (await eventing.get("/v1/detections/why", role="auditor", **asked)).json()
    assert why["postings"][0]["triggers"][0]["fired"] is True
    again = await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {}))
    assert (again["raised"], again["withdrawn"]) == (0, 0)


async def test_a_rebuild_of_some_customers_follows_a_change_of_owner(eventing: Any, publish: Publish) -> None:
    await owners(eventing, profile("A", "A", "AB"), profile("B", "B"), profile("C", "C"))
    postings = [said(name, f"{name}-0", FIRST, 100) for name in ("A", "B", "C")] + [said("A", "x", FIRST, 900, "AB")]
    await publish(*postings, time=NOON)
    await applied(eventing, 4)
    before = await states(eventing)
    await publish(profile("A", "A", version=2), profile("B", "B", "AB", version=2))

    async def moved() -> bool:
        rows = await eventing.rows("SELECT customer_id FROM account_owner WHERE account_id = $1",
                                   account_id("test", "AB"))  # fmt: skip
        return bool(rows[0]["customer_id"] == customer_id("test", "B"))

    await eventually(moved, what="the new owner")
    a, b, c = (customer_id("test", name) for name in ("A", "B", "C"))
    both = await eventing.send("POST", "/v1/ledger/rebuilds", {"before": "2024-02-01", "customers": [str(a)]})
    assert both.status_code == 422
    wanted = {"customers": [str(a), str(b)]}
    result = await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", wanted))
    assert result["customers"] == 2
    after = await states(eventing)
    from eventing.judging import Subject

    sums = {key[0]: sum(Subject.unpack(packed).history.nets) for key, packed in after.items() if key[1]}
    assert (sums[a], sums[b], sums[c]) == (100, 1000, 100)
    assert [key for key in before if before[key] == after[key]] == [key for key in before if key[0] == c]
