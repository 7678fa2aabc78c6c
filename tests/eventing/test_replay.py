"""Replay and rebuild through real NATS, PostgreSQL and processes: the lake's detections, the stream's bytes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from attune_contracts.identifiers import customer_id
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import eventually
from eventing import lake_history
from eventing.judging import Rule

RULE = Rule("large-deposit", cooldown_days=30, lateness_days=3)
FIRST, LAST, CUT = date(2024, 1, 1), date(2025, 2, 28), date(2024, 11, 1)


def oracle(lake_dir: Path, scratch: Path, rule: Rule, first: date, last: date) -> dict[str, set[str]]:
    """Who stands by the lake executor, by customer."""
    with lake_sql.connect(lake := Lake(str(lake_dir), scratch)) as con:
        lake_sql.register(con, lake, "transactions", "accounts")
        con.execute("CREATE VIEW account_owner AS FROM accounts")
        lake_history.prepare(con, rule, "CNY", date(2030, 1, 1))
        judged = lake_history.judge(con, rule)
    range_ = range(first.toordinal(), last.toordinal() + 1)
    found = {c: {h.key for h in j.standing() if h.day in range_} for c, j in judged.items()}
    return {c: keys for c, keys in found.items() if keys}


async def standing(eventing: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in await eventing.rows("SELECT customer_id, event_key FROM detection WHERE state = 'raised'"):
        found.setdefault(str(row["customer_id"]), set()).add(row["event_key"])
    return found


async def states(eventing: Any) -> dict[tuple[str, str], bytes]:
    rows = await eventing.rows("SELECT customer_id, trigger, packed FROM keyed_state")
    return {(str(row["customer_id"]), row["trigger"]): row["packed"] for row in rows}


async def test_a_replay_finds_what_the_lake_finds_and_leaves_the_bytes_of_a_rebuild(
    eventing: Any, invented_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    await eventing.load(invented_bank, lake_dir, tmp_path / "s")
    expected = oracle(lake_dir, tmp_path / "o", RULE, FIRST, LAST)
    body = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
    result = await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body))
    assert result["postings"] == len(invented_bank.postings)
    found = result["detections"]["large-deposit"]
    assert (found["count"], found["subjects"]) == (sum(map(len, expected.values())), len(expected))
    assert found["count"] > 10
    tried = await eventing.done(await eventing.send("POST", "/v1/backtests", {"trigger": "large-deposit"} | body))
    assert (tried["detections"], tried["subjects"]) == (found["count"], found["subjects"])
    assert sum(tried["per_day"].values()) == found["count"]
    earliest = tried["first"] | {"posting_id": tried["first"]["event_key"]}
    assert {name: earliest[name] for name in found["first"]} == found["first"]
    assert await standing(eventing) == expected
    streamed = await states(eventing)
    # A replay's facts lie in the lake, their repeats are known by the inbox alone.
    took = await eventing.rows("SELECT count(*) AS number FROM inbox WHERE consumer LIKE 'LEDGER.%'")
    assert took[0]["number"] == len(invented_bank.postings)

    after = await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {"before": "2025-03-01"}))
    assert after["customers"] == len({customer for customer, _ in streamed})
    assert await states(eventing) == streamed

    clock = (await eventing.get("/v1/status/eventing")).json()
    assert clock["business_date"] == LAST.isoformat()


async def test_a_replay_of_the_last_days_starts_from_the_lake_and_repeats_itself(
    eventing: Any, invented_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    await eventing.load(invented_bank, lake_dir, tmp_path / "s")
    expected = oracle(lake_dir, tmp_path / "o", RULE, CUT, LAST)
    body = {"from": CUT.isoformat(), "to": LAST.isoformat()}
    first = await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body))
    assert await standing(eventing) == expected
    raised = await eventing.rows("SELECT count(*) FROM outbox WHERE type = 'eventing.detection.raised.v1'")
    second = await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body))
    assert second | {"events_per_second": 0} == first | {"events_per_second": 0}
    assert await standing(eventing) == expected
    again = await eventing.rows("SELECT count(*) FROM outbox WHERE type = 'eventing.detection.raised.v1'")
    reversed_ = await eventing.rows("SELECT count(*) FROM detection WHERE reason = 'reversed'")
    assert again[0]["count"] == raised[0]["count"] + reversed_[0]["count"]

    # Another cool-down gives another set; what stands no longer is withdrawn and said so.
    changed = await eventing.send("PUT", "/v1/triggers/large-deposit", {"cooldown_days": 90})
    assert changed.json()["version"] == 2
    await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body))
    assert await standing(eventing) == oracle(lake_dir, tmp_path / "o", replace(RULE, cooldown_days=90), CUT, LAST)


async def test_a_gated_replay_waits_and_goes_on(
    eventing: Any, invented_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    await eventing.load(invented_bank, lake_dir, tmp_path / "s")
    body = {"from": CUT.isoformat(), "to": LAST.isoformat(), "through": "2024-11-15"}
    started = await eventing.send("POST", "/v1/ledger/replays", body)
    job = f"/v1/jobs/eventing/{started.json()['id']}"

    async def waiting() -> bool:
        return (await eventing.get(job)).json()["message"] == "waiting after 2024-11-15"

    await eventually(waiting, 90, every=0.1, what="the gate")
    status = (await eventing.get("/v1/status/eventing")).json()
    assert status["business_date"] == "2024-11-15"
    newest = await eventing.rows("SELECT max(business_date) AS day FROM ledger_partition")
    assert newest[0]["day"] <= date(2024, 11, 15)
    busy = await eventing.send("POST", "/v1/ledger/rebuilds", {"before": "2025-01-01"})
    assert (busy.status_code, busy.json()["code"]) == (409, "replay_running")
    opened = await eventing.send(
        "POST", f"/v1/ledger/replays/{started.json()['id']}:advance", {"through": "2025-02-28"}
    )
    assert opened.json() == {"through": "2025-02-28"}
    await eventing.done(started)
    assert await standing(eventing) == oracle(lake_dir, tmp_path / "o", RULE, CUT, LAST)


async def test_postings_of_an_abandoned_replay_are_not_applied(eventing: Any, new_bank: Callable[[], Any]) -> None:
    from attune_contracts.identifiers import account_id, new_id
    from attune_contracts.ledger import TransactionPosted

    stale = TransactionPosted(
        customer_id=customer_id("test", "X"), posting_id="1", account_id=account_id("test", "X"),
        business_date=date(2024, 5, 1), direction="credit", amount_minor=5, currency="CNY", kind="transfer",
        origin="replay", run=new_id(),
    )  # fmt: skip
    live = stale.model_copy(update={"posting_id": "2", "origin": "live", "run": None})
    await eventing.publish(stale, live)

    async def applied() -> list[Any]:
        return list(await states(eventing))

    await eventually(applied, what="the live posting")
    (packed,) = [packed for (_, trigger), packed in (await states(eventing)).items() if trigger]
    from eventing.judging import Subject

    history = Subject.unpack(packed).history
    assert history.base + sum(history.nets) == 5


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"from": "2024-05-02", "to": "2024-05-01"}, "invalid"),
        ({"from": "2024-05-02"}, "invalid"),
        ({"from": "2024-05-01", "to": "2024-05-02", "speed": 0}, "invalid"),
    ],
)
async def test_a_replay_refuses_what_makes_no_sense(eventing: Any, body: dict[str, Any], fault: str) -> None:
    refused = await eventing.send("POST", "/v1/ledger/replays", body)
    assert (refused.status_code, refused.json()["code"]) == (422, fault)


async def test_only_those_with_the_scope_replay(eventing: Any) -> None:
    body = {"from": "2024-05-01", "to": "2024-05-02"}
    refused = await eventing.send("POST", "/v1/ledger/replays", body, role="marketer")
    assert refused.status_code == 403
    missing = await eventing.send("POST", "/v1/ledger/replays/0190a7b0-0000-7000-8000-000000000000:advance",
                                  {"through": "2024-05-01"})  # fmt: skip
    assert missing.status_code == 404
