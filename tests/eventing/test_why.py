"""Asking why, and reading the feed: within the caller's scope, from state or lake, and without changing anything."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.eventing import test_behaviours as looks
from tests.eventing.test_eight_shapes import insert_file

from attune_contracts.customer_360 import OwnedAccount, ProfileChanged
from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.testing import eventually

OPENED, DAY = date(2024, 1, 10), date(2024, 9, 2)
TABLES = ("keyed_state", "posting", "detection", "intake", "intake_pending", "outbox", "inbox", "job", "audit",
          "ledger_partition", "account_owner")  # fmt: skip


def profile(name: str, branch: str = "B1", version: int = 1) -> ProfileChanged:
    return ProfileChanged(
        customer_id=customer_id("test", name), version=version, party_kind="person", branch_id=branch,
        accounts=(OwnedAccount(account_id=account_id("test", name), kind="demand"),),
    )  # fmt: skip


def said(name: str, key: str, day: date, net: int, **more: Any) -> TransactionPosted:
    return TransactionPosted.model_validate(
        {"customer_id": customer_id("test", name), "posting_id": key, "account_id": account_id("test", name),
         "business_date": day, "direction": "credit" if net > 0 else "debit", "amount_minor": abs(net),
         "currency": "CNY", "kind": "x"} | more
    )  # fmt: skip


async def branches(eventing: Any) -> None:
    await eventing.service.runtime.worker_database.pool.executemany(
        "INSERT INTO branch_scope (ancestor, branch) VALUES ($1, $2)",
        [("HQ", "HQ"), ("HQ", "B1"), ("HQ", "B2"), ("B1", "B1"), ("B2", "B2")],
    )


async def why(eventing: Any, name: str, role: str = "auditor", branch: str | None = None, **params: Any) -> Any:
    return await eventing.service.client.get(
        "/v1/detections/why",
        params={"customer_id": str(customer_id("test", name))} | params,
        headers=eventing.token(role, branch),
    )


async def everything(eventing: Any) -> dict[str, list[str]]:
    found = {}
    for table in TABLES:
        rows = await eventing.rows(f"SELECT md5(t::text) AS digest FROM {table} t ORDER BY 1")
        found[table] = [row["digest"] for row in rows]
    return found


@pytest.fixture
async def told(eventing: Any) -> Any:
    """A deposit that fired, one too small, one that waits for its account."""
    await branches(eventing)
    await eventing.publish(profile("A"), profile("B", "B2"))

    async def known() -> bool:
        return len(await eventing.rows("SELECT 1 FROM account_owner")) == 2

    await eventually(known, what="the owners")
    await eventing.publish(*(said(name, f"O-{name}", OPENED, 100_000) for name in ("A", "B")))
    await eventing.publish(
        said("A", "D", DAY, 100_001), said("A", "S", DAY, -3), said("B", "E", DAY, 100_000), said("B", "F", DAY, 10**9)
    )

    async def found() -> bool:
        return len(await eventing.rows("SELECT 1 FROM detection")) == 2

    await eventually(found, what="two detections")
    body = {"source": "test", "postings": [{
        "posting_id": "W", "account_id": "X", "business_date": DAY.isoformat(), "direction": "credit",
        "amount": "7.00", "currency": "CNY", "kind": "x"}]}  # fmt: skip
    waiting = await eventing.send("POST", "/v1/ledger/postings", body, role="partner")
    assert waiting.json()["waiting"] == 1
    await eventing.settled()
    return eventing


async def test_why_is_answered_from_state_within_the_callers_scope_and_changes_nothing(told: Any) -> None:
    before = await everything(told)
    answer = (await why(told, "A", posting_id="D")).json()
    assert (answer["source"], answer["business_date"]) == ("state", DAY.isoformat())
    (posting,) = answer["postings"]
    (verdict,) = posting["triggers"]
    assert (verdict["fired"], verdict["failed"], verdict["current"]) == (True, None, True)
    assert verdict["detection"]["state"] == "raised"
    assert verdict["text"]["en"] == (
        "large-deposit v1 fired: 1000.01 over 184 days is 184001.84, above the 184000.00 of the closing balances"
        " (mean 1000.00)."
    )
    small = (await why(told, "B", posting_id="E")).json()["postings"][0]["triggers"][0]
    assert (small["fired"], small["failed"]) == (False, "amount")
    assert "不高于日终余额累计 184000.00" in small["text"]["zh"]
    debit = (await why(told, "A", posting_id="S")).json()["postings"][0]["triggers"][0]
    assert debit["failed"] == "direction"
    waits = (await why(told, "X", posting_id="W")).json()
    assert (waits["source"], waits["postings"][0]["came"]) == ("intake", "waiting")
    assert waits["postings"][0]["triggers"][0]["failed"] == "account"

    manager = {"role": "branch_manager"}
    assert (await why(told, "A", posting_id="D", branch="B1", **manager)).status_code == 200
    for name, params in (("A", {"branch": "B2"}), ("X", {"branch": "HQ"})):
        hidden = await why(told, name, posting_id="D" if name == "A" else "W", **manager, **params)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_posting")
    assert (await why(told, "A", posting_id="nothing")).status_code == 404
    assert (await why(told, "A", role="teller", branch="B1", posting_id="D")).status_code == 403
    assert (await why(told, "A", role="marketer", posting_id="D")).status_code == 403
    both = await why(told, "A", posting_id="D", business_date=DAY.isoformat())
    assert (both.status_code, both.json()["code"]) == (422, "name_posting_or_day")
    assert (await why(told, "A")).status_code == 422
    assert await everything(told) == before


async def test_older_days_and_files_are_explained_from_the_lake(
    eventing: Any, new_bank: Callable[[], Any], lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("A", opening=100_000)
    bank.post("O", "A", OPENED, 1)
    bank.post("big", "A", DAY, 500_000)
    bank.post("out", "A", DAY, -1)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    answer = (await why(eventing, "A", posting_id="big")).json()
    verdict = answer["postings"][0]["triggers"][0]
    assert (answer["source"], answer["postings"][0]["came"]) == ("lake", "lake")
    assert (verdict["fired"], verdict["failed"]) == (False, "delivery")
    days = (await why(eventing, "A", business_date=DAY.isoformat(), versions="all")).json()
    assert [(p["posting_id"], p["triggers"][0]["failed"]) for p in days["postings"]] == [
        ("big", "delivery"), ("out", "direction"),
    ]  # fmt: skip
    # Once a replay has sent it through the stream, it fires.
    body = {"from": DAY.isoformat(), "to": DAY.isoformat()}
    await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body))
    again = (await why(eventing, "A", business_date=DAY.isoformat())).json()["postings"][0]["triggers"][0]
    assert (again["fired"], again["detection"]["state"]) == (True, "raised")
    assert again["parts"][-5]["values"]["amount_times_days"] == str(500_000 * 184)
    assert (await why(eventing, "A", business_date="2024-09-03")).status_code == 404


async def test_the_feed_shows_the_newest_first_and_follows_the_customer(told: Any) -> None:
    async def feed(role: str = "auditor", branch: str | None = None, **params: Any) -> Any:
        listing = await told.service.client.get("/v1/detections", params=params, headers=told.token(role, branch))
        assert listing.status_code == 200, listing.text
        return listing.json()

    both = await feed()
    ids = [item["detection_id"] for item in both["items"]]
    assert ids == sorted(ids, reverse=True)
    assert [i["detection_id"] for i in (await feed(sort="oldest"))["items"]] == ids[::-1]
    first = await feed(limit=1)
    rest = await feed(limit=1, cursor=first["next_cursor"])
    assert [item["detection_id"] for page in (first, rest) for item in page["items"]] == ids
    assert rest["next_cursor"] is None
    by_key = {item["event_key"]: item for item in both["items"]}
    assert (by_key["D"]["branch_id"], by_key["F"]["branch_id"]) == ("B1", "B2")

    manager = {"role": "branch_manager"}
    assert [i["event_key"] for i in (await feed(branch="B1", **manager))["items"]] == ["D"]
    assert len((await feed(branch="HQ", **manager))["items"]) == 2
    one = (await feed(branch="B1", **manager))["items"][0]
    assert one["evidence"]["amount"] == "1000.01"
    plain = {item["event_key"]: item for item in (await feed(role="marketer"))["items"]}["D"]
    assert (plain["evidence"], plain["account_source_id"]) == (None, None)

    await told.publish(profile("A", "B2", version=2))

    async def moved() -> bool:
        return len((await feed(branch="B2", **manager))["items"]) == 2

    await eventually(moved, what="the customer's detections in the new branch")
    assert (await feed(branch="B1", **manager))["items"] == []
    path = f"/v1/detections/{by_key['D']['detection_id']}"
    assert (await told.service.client.get(path, headers=told.token("branch_manager", "B1"))).status_code == 404
    days = {"from": "2024-09-01", "to": "2024-09-01"}
    assert (await feed(**days))["items"] == []
    assert (await feed(trigger="none"))["items"] == []


async def test_behaviours_and_days_without_any_fact_are_explained_too(
    eventing: Any, new_bank: Callable[[], Any], lake_dir: Path, tmp_path: Path
) -> None:
    """A silence has no posting to ask about, and a look at a product is none."""
    bank = new_bank()
    bank.person("P0")
    bank.post("paid", "P0", date(2024, 2, 1), -500)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    quiet = {"trigger": "quiet", "on": "postings", "where": "direction = 'debit'", "silence": {"for": "10 days"}}
    pool = eventing.service.runtime.worker_database.pool
    for file in (looks.FILE, looks.FILE | quiet | {"behaviour": None}):
        await insert_file(pool, {key: value for key, value in file.items() if value is not None}, live=True)
    sent = [looks.looked(f"b{n}", f"2024-03-0{n}T10:00:00Z") for n in (1, 2, 3)]
    assert (await looks.post(eventing, *sent)).json()["accepted"] == 3

    async def found() -> bool:
        return len(await eventing.rows("SELECT 1 FROM detection WHERE trigger = 'looks-again'")) == 1

    assert await eventually(found, what="the third look")

    async def asked(**params: Any) -> Any:
        answer = await why(eventing, "P0", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    (third,) = (await asked(behaviour_id="b3", trigger="looks-again"))["behaviours"]
    (verdict,) = third["triggers"]
    assert (third["came"], verdict["fired"], verdict["detection"]["state"]) == ("stream", True, "raised")
    assert verdict["text"]["en"] == "looks-again v1 fired: what it looks for is there: 3."
    (second,) = (await asked(behaviour_id="b2", trigger="looks-again"))["behaviours"]
    assert (second["triggers"][0]["failed"], second["triggers"][0]["detection"]) == ("behaviour", None)
    day = await asked(business_date="2024-03-03")
    assert (day["postings"], [one["behaviour_id"] for one in day["behaviours"]]) == ([], ["b3"])
    silent = await asked(business_date="2024-02-11")
    assert (silent["postings"], silent["behaviours"]) == ([], [])
    assert [(one["trigger"], one["fired"]) for one in silent["day"]] == [("quiet", True)]
    (early,) = (await asked(business_date="2024-02-05", trigger="quiet"))["day"]
    assert "the last one is of 2024-02-01: the silence has lasted on 2024-02-11" in early["text"]["en"]
    both = await why(eventing, "P0", behaviour_id="b3", posting_id="paid")
    assert (both.status_code, both.json()["code"]) == (422, "name_posting_or_day")
    hidden = await why(eventing, "P0", role="branch_manager", branch="B2", behaviour_id="b3")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_posting")
