"""A backtest over HTTP: a definition's counts on the lake, refusals by place, nothing raised."""

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from tests.eventing.conftest import LAST, row

from attune_contracts.datasets import EMPLOYEES, HOLDINGS, SEGMENTS
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema

DAYS = {"from": "2024-01-01", "to": "2025-02-28"}
TEXTS = {"zh": "一", "en": "one"}
OFTEN: dict[str, Any] = {
    "trigger": "often",
    "title": TEXTS,
    "meaning": TEXTS,
    "on": "postings",
    "where": "direction = 'credit' AND amount >= 200.00",
    "count": {"at_least": "2", "within": "3 days"},
    "cooldown": "0 days",
}


async def test_a_definition_is_tried_and_raises_nothing(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("P1")
    for number, day in enumerate((1, 2, 3, 20)):
        bank.post(str(number), "P1", date(2024, 3, day), 20_000 + number)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", {"file": json.dumps(OFTEN)} | DAYS))
    assert (found["detections"], found["subjects"]) == (2, 1)
    assert found["per_day"] == {"2024-03-02": 1, "2024-03-03": 1}
    first = found["first"]
    assert (first["event_key"], first["account_id"], first["amount"]) == ("1", "P1", "400.01")
    assert await eventing.rows("SELECT event_key FROM detection") == []

    wider = json.dumps(OFTEN | {"count": {"at_least": 2, "within": "30 days"}})
    ask = {"file": json.dumps(OFTEN), "against": {"file": wider}, "overlap": []} | DAYS
    other = (await eventing.done(await eventing.send("POST", "/v1/backtests", ask)))["against"]
    assert (other["trigger"], other["version"], other["detections"]) == ("often", None, 3)
    assert (other["both"], other["only_this"], other["only_other"]) == (2, 0, 1)
    assert other["customers"] == {"both": 1, "only_this": 0, "only_other": 0}
    assert [one["event_key"] for one in other["examples"]["only_other"]] == ["3"]
    assert other["examples"]["only_other"][0]["account_id"] == "P1"
    for wrong, status in (({"trigger": "nobody"}, 404), ({}, 422), ({"trigger": "large-deposit", "version": 9}, 404)):
        refused = await eventing.send("POST", "/v1/backtests", ask | {"against": wrong})
        assert refused.status_code == status, refused.text

    silent = {key: value for key, value in OFTEN.items() if key != "count"} | {"silence": {"for": "10 days"}}
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", {"file": json.dumps(silent)} | DAYS))
    assert (found["settled"], found["per_day"]) == ("2025-02-24", {"2024-03-13": 1, "2024-03-30": 1})

    maturing(lake_dir, tmp_path / "s", bank)
    due = {key: value for key, value in OFTEN.items() if key not in ("count", "where")}
    due |= {"on": "dates", "calendar": {"of": "holding_matures_on", "offsets": [-7]}}
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", {"file": json.dumps(due)} | DAYS))
    assert (found["settled"], found["per_day"]) == ("2025-02-28", {"2024-05-24": 1})
    assert (found["first"]["event_key"], found["first"]["amount"]) == ("H1:2024-05-31:-7", "500.00")
    # A branch sees its own: this customer is of another.
    body = {"file": json.dumps(due)} | DAYS
    headers = eventing.token("branch_manager", "B2") | {"Idempotency-Key": uuid4().hex}
    elsewhere = await eventing.service.client.post("/v1/backtests", json=body, headers=headers)
    assert (await eventing.done(elsewhere))["detections"] == 0

    for wrong, key, word in (
        ({"count": {"at_least": 2, "within": "3 moons"}}, "count.within", "a span is"),
        ({"where": "amount >= 'x'"}, "where", "text"),
        ({"kount": {}}, "kount", "did you mean count"),
    ):
        body = {"file": json.dumps(OFTEN | wrong)} | DAYS
        refused = await eventing.send("POST", "/v1/backtests", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "trigger_file_invalid")
        fault = refused.json()["errors"][0]
        assert (fault["line"], fault["key"]) == (1, key)
        assert word in fault["en"], fault
    unknown = await eventing.send("POST", "/v1/backtests", {"trigger": "nobody"} | DAYS)
    assert unknown.status_code == 404


def maturing(lake_dir: Path, scratch: Path, bank: Any) -> None:
    """A holding of the bank's first customer."""
    held = row(HOLDINGS, holding_id="H1", customer_id=bank.parties[0]["customer_id"], product_id="td",
               matures_on=date(2024, 5, 31), amount_minor=50_000)  # fmt: skip
    table = pa.Table.from_pylist([held], schema=arrow_schema(HOLDINGS))
    Lake(str(lake_dir), scratch).write(HOLDINGS, "all", table, as_of=LAST)


def people(bank: Any) -> None:
    """Three at two branches, with two credits each in three days; two have a manager."""
    for number, (branch, manager) in enumerate((("B1", "M1"), ("B1", "M1"), ("B2", None)), 1):
        bank.person(f"P{number}", branch)
        bank.parties[-1]["manager_id"] = manager
        bank.post(f"first-{number}", f"P{number}", date(2024, 1, 1), 1_000)
        for day in (4, 5):
            bank.post(f"{number}-{day}", f"P{number}", date(2024, 8, day), 30_000)


def beside(lake_dir: Path, scratch: Path, bank: Any) -> None:
    """Staff and the segments of a day."""
    lake = Lake(str(lake_dir), scratch)
    staff = [row(EMPLOYEES, employee_id="M1", branch_id="B1", role="relationship_manager", daily_capacity=1)]
    parts = [
        row(SEGMENTS, customer_id=one["customer_id"], as_of=date(2024, 7, 31), segment="digital", value="member")
        for one in bank.parties[:2]
    ]
    for dataset, name, rows in ((EMPLOYEES, "all", staff), (SEGMENTS, "as_of=2024-07-31", parts)):
        lake.write(dataset, name, pa.Table.from_pylist(rows, schema=arrow_schema(dataset)), as_of=LAST)


async def examples_as_in_the_feed(eventing: Any, ask: dict[str, Any]) -> None:
    """What of its examples each role sees is what the feed of detections shows it: X38."""
    both = {"against": {"trigger": "large-deposit"}, "overlap": []}
    whole = await eventing.send("POST", "/v1/backtests", ask | both)
    await eventing.done(whole)
    shown = {}
    for role in ("head_office", "marketer", "approver"):
        told = (await eventing.get(f"/v1/backtests/{whole.json()['id']}", role)).json()["result"]
        assert told["detections"] == told["against"]["only_this"] + told["against"]["both"] == 3
        examples = [told["first"], told["against"]["first"], *told["against"]["examples"]["both"]]
        shown[role] = {frozenset(one or ()) for one in examples}
    feed = {"event_key", "customer_id", "date"}
    evidence = feed | {"account_id", "amount"}
    assert shown == {
        "head_office": {frozenset(evidence), frozenset(evidence | {"compared_with"})},
        "marketer": {frozenset(feed)},
        "approver": {frozenset()},
    }  # fmt: skip


async def both_pages(eventing: Any, own: str) -> None:
    """The list in both orders, page by page; a branch sees its own."""
    whole = [one["id"] for one in (await eventing.get("/v1/backtests", "marketer")).json()["items"]]
    assert whole[0] == own
    assert len(whole) == 2
    for sort, wanted in (("newest", whole), ("oldest", whole[::-1])):
        first = (await eventing.get("/v1/backtests", "marketer", sort=sort, limit=1)).json()
        second = await eventing.get("/v1/backtests", "marketer", sort=sort, limit=1, cursor=first["next_cursor"])
        assert [first["items"][0]["id"], second.json()["items"][0]["id"]] == wanted
    for branch, seen in (("B1", [own]), ("HQ", [own]), ("B2", [])):
        headers = eventing.token("branch_manager", branch=branch)
        answer = (await eventing.service.client.get("/v1/backtests", headers=headers)).json()["items"]
        assert [one["id"] for one in answer] == seen
        told = [(one["trigger"], one["version"], one["from"], one["branch"], one["detections"]) for one in answer]
        assert told == [("often", None, "2024-01-01", "B1", 2)] * len(seen)
    for asked in ({"trigger": "nobody"}, {"state": "failed"}):
        assert (await eventing.get("/v1/backtests", "marketer", **asked)).json()["items"] == []


async def test_who_it_is_of_when_and_who_acts_within_the_callers_branches(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    people(bank)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    ask = {"file": json.dumps(OFTEN)} | DAYS
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", ask | {"capacity": 2}))
    assert found["by_month"] == {"2024-08": 3}
    assert found["by_weekday"]["monday"] == 3
    assert found["by_segment"]["known"] is False
    assert found["managers"] | {"busiest": []} == found["managers"] | {
        "capacity": 2,
        "without_manager": 1,
        "busiest": [],
    }
    # Every customer's second credit is above the mean of six months, and the first one too.
    (near,) = found["overlap"]["triggers"]
    assert (near["trigger"], near["shared"], near["share"]) == ("large-deposit", 3, 1.0)

    await asyncio.to_thread(beside, lake_dir, tmp_path / "s", bank)
    manager = eventing.token("branch_manager", branch="B1")
    started = await eventing.service.client.post(
        "/v1/backtests", json=ask | {"overlap": []}, headers=manager | {"Idempotency-Key": "one-of-a-branch-manager"}
    )
    own = await eventing.done(started)
    assert [(one["branch"], one["name"], one["detections"]) for one in own["by_branch"]] == [("B1", "B1", 2)]
    assert (own["detections"], own["subjects"], own["overlap"]["triggers"]) == (2, 2, [])
    (part,) = own["by_segment"]["parts"]
    assert (part["segment"], part["customers"], part["detections"]) == ("digital", 2, 2)
    (busiest,) = own["managers"]["busiest"]
    assert (busiest["manager"], busiest["capacity"], busiest["beyond"]) == ("M1", 1, 1)

    path = f"/v1/backtests/{started.json()['id']}"
    seen = {}
    for role, branch in (
        ("branch_manager", "B1"),
        ("branch_manager", "HQ"),
        ("branch_manager", "B2"),
        ("marketer", "*"),
    ):
        answer = await eventing.service.client.get(path, headers=eventing.token(role, branch=branch))
        seen[role, branch] = answer.status_code
    assert seen == {
        ("branch_manager", "B1"): 200, ("branch_manager", "HQ"): 200, ("branch_manager", "B2"): 404,
        ("marketer", "*"): 200,
    }  # fmt: skip
    await both_pages(eventing, started.json()["id"])
    await examples_as_in_the_feed(eventing, ask)
    refused = await eventing.send("POST", "/v1/backtests", ask | {"overlap": ["large-deposit", "nobody"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "backtest_refused")
    assert "nobody" in refused.json()["detail"]["en"]
