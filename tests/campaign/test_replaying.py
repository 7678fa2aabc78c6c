"""A decision decided again gives the same bytes: for any catalogue and facts, after a restart, after every change."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings

from attune_service_kit.testing import RunningService, StartService, eventually
from campaign import replaying
from campaign.catalogue import Offer, Script, snapshot
from campaign.decide import decide
from campaign.decision_facts import DecisionFacts
from campaign.offer_index import compile_catalogue
from campaign.replaying import follows

from .conftest import NOW, SECRET, SERVICE, Headers, add_customer, code, deposit, key, nba, person, pick
from .test_decide import FACTS
from .test_offer_index import questions, sheets

GOLDEN = Path(__file__).parent / "golden"


@settings(max_examples=150, deadline=None)
@given(sheet=sheets, facts=questions)
def test_any_decision_on_any_catalogue_replays_to_the_same_bytes(sheet: list[Offer], facts: DecisionFacts) -> None:
    scripts = [
        Script(id=f"s-{o.code}", version=1, offer=o.code, channel=channel, zh="话", en="say")
        for o, channel in zip(sheet, ("counter", "mobile", "call_centre") * 4, strict=False)
    ]
    content, _ = snapshot(sheet, scripts)
    result = decide(facts, compile_catalogue(1, content))
    inputs = facts.to_json()
    # As a process that has just started would: everything read from what is stored.
    compile_catalogue.cache_clear()
    assert DecisionFacts.from_json(inputs) == facts
    assert DecisionFacts.from_json(inputs).to_json() == inputs
    assert follows(inputs, result, compile_catalogue(1, content))
    assert not follows(inputs, result + b" ", compile_catalogue(1, content))
    assert not follows(b"{}", result, compile_catalogue(1, content))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda p: p.stem)
def test_a_decision_of_an_earlier_day_still_gives_its_bytes(path: Path) -> None:
    """A golden decision is never changed: if this fails, raise RULES and keep answering old inputs as before."""
    golden = orjson.loads(path.read_bytes())
    catalogue = compile_catalogue(1, golden["catalogue"].encode())
    assert follows(golden["inputs"].encode(), golden["result"].encode(), catalogue)


async def change_everything(service: RunningService, token: Headers) -> None:
    """Another margin, another text, other policies."""
    operator, client = token("operator"), service.client
    offer = (await client.get("/v1/offers/time-deposit-12m", headers=operator)).json()
    wanted = {k: v for k, v in offer.items() if k not in ("code", "scripts", "own_fields")}
    wanted["expected_margin"] = {"amount": "1.00", "currency": "CNY"}
    put = await client.put("/v1/offers/time-deposit-12m", json=wanted, headers=operator | key())
    assert put.status_code == 200, put.text
    policy = (await client.get("/v1/policies/contact", headers=operator)).json()
    policy["policy"]["caps"][0]["limit"] = 0
    put = await client.put("/v1/policies/contact", json=policy, headers=operator | key())
    assert put.status_code == 200, put.text


async def decided(service: RunningService, token: Headers) -> list[UUID]:
    """Ten decisions of different customers on different channels."""
    customers = await pick(service, "treated", 6)
    for number, customer in enumerate(customers):
        await deposit(service, customer, f"T{number}", quadrant="B", rating=f"C{1 + number % 5}")
    (held_out,) = await pick(service, "control")
    async with service.everything.pool.acquire() as conn:
        await add_customer(conn, person(4001), personalisation=False)
    found = []
    channels = ("counter", "call_centre", "mobile", "relationship_manager")
    for number, customer in enumerate([*customers, held_out, person(4001), person(4002), customers[0]]):
        told = await nba(service, token("teller", "B1"), customer, channels[number % 4])
        found.append(UUID(told["decision_id"]))
    return found


async def test_decisions_replay_after_a_restart_and_after_every_change(
    start_service: StartService, service: RunningService, token: Headers
) -> None:
    before = await decided(service, token)
    await change_everything(service, token)
    after = [UUID((await nba(service, token("teller", "B1"), person(4002)))["decision_id"])]
    database = service.runtime.database.url.rpartition("/")[2]
    await service.stop()
    again = await start_service(SERVICE, worker=False, database=database, clock="events", arm_secret=SECRET)
    auditor = token("auditor")
    versions = set()
    for decision in [*before, *after]:
        seen = (await again.client.get(f"/v1/decisions/{decision}", headers=auditor)).json()
        assert seen["replayed"] is True
        versions.add((seen["catalogue_version"], seen["policy_version"]))
    assert versions == {(1, 1), (2, 2)}


async def test_a_range_is_replayed_by_a_job_that_counts_equal_and_different(
    start_service: StartService, token: Headers
) -> None:
    service = await start_service(SERVICE, clock="events", arm_secret=SECRET)
    service.runtime.clock.set(NOW)
    async with service.everything.pool.acquire() as conn:
        await conn.executemany("INSERT INTO branch_scope VALUES ($1, $2)", [("B1", "B1")])
    decisions = await decided(service, token)
    await change_everything(service, token)
    pool = service.runtime.worker_database.pool
    tampered = decisions[3]
    await pool.execute("UPDATE decision SET result = result || ' '::bytea WHERE id = $1", tampered)

    async def replay(first: str, last: str) -> dict[str, Any]:
        body = {"from": first, "to": last}
        started = await service.client.post("/v1/decisions:replay", json=body, headers=token("auditor") | key())
        assert started.status_code == 202, started.text

        async def ended() -> dict[str, Any] | None:
            path = f"/v1/jobs/campaign/{started.json()['id']}"
            job: dict[str, Any] = (await service.client.get(path, headers=token("auditor"))).json()
            assert job["error"] is None, job["error"]
            return job if job["state"] == "done" else None

        job: dict[str, Any] = await eventually(ended, timeout=90, every=0.1, what="the replay")
        return dict(job["result"])

    assert await replay("2026-03-17", "2026-03-17") == {
        "checked": 10,
        "equal": 9,
        "different": 1,
        "named": [str(tampered)],
    }
    wrong = await service.client.post(
        "/v1/decisions:replay", json={"from": "2026-03-17", "to": "2026-03-16"}, headers=token("auditor") | key()
    )
    assert code(wrong) == (422, "invalid")


async def test_a_replay_that_was_interrupted_goes_on_where_it_was(service: RunningService, token: Headers) -> None:
    decisions = sorted(await decided(service, token))
    async with service.everything.pool.acquire() as conn:
        since, until = replaying.moments(NOW.date(), NOW.date(), "Asia/Shanghai")
        found = {"after": str(decisions[6]), "equal": 7, "different": 0, "named": []}
        assert await replaying._chunk(conn, since, until, found)
        assert found == {"after": str(decisions[-1]), "equal": 10, "different": 0, "named": []}
        assert not await replaying._chunk(conn, since, until, found)
        earlier = replaying.moments(date(2026, 3, 1), date(2026, 3, 16), "Asia/Shanghai")
        assert not await replaying._chunk(conn, *earlier, {"after": None, "equal": 0, "different": 0, "named": []})


def test_rules_are_named_in_the_inputs() -> None:
    assert orjson.loads(replace(FACTS, rules=7).to_json())["rules"] == 7
