"""The ledger live: postings over HTTP or from an adapter, owners that come late, detections, reversals, day close."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from attune_contracts.customer_360 import OwnedAccount, ProfileChanged
from attune_contracts.identifiers import account_id, customer_id, detection_id, new_id
from attune_contracts.identifiers import partition as number_of
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.consumer import Event, FatalEvent
from attune_service_kit.lake import Lake
from attune_service_kit.testing import eventually
from eventing import ledger, upkeep
from eventing.booked import Posting

OPENED, DAY = date(2024, 1, 10), date(2024, 9, 2)
NOON = datetime(2024, 9, 2, 4, tzinfo=UTC)  # in Shanghai


def posting(key: str, account: str, day: date, amount: str, **more: Any) -> dict[str, Any]:
    return {
        "posting_id": key, "account_id": account, "business_date": day.isoformat(), "direction": "credit",
        "amount": amount, "currency": "CNY", "kind": "transfer_in",
    } | more  # fmt: skip


async def post(eventing: Any, *postings: dict[str, Any], role: str = "partner") -> Any:
    body = {"source": "test", "postings": list(postings)}
    return await eventing.send("POST", "/v1/ledger/postings", body, role=role)


async def detections(eventing: Any, **params: Any) -> dict[str, dict[str, Any]]:
    listing = await eventing.get("/v1/detections", **params)
    assert listing.status_code == 200, listing.text
    return {item["event_key"]: item for item in listing.json()["items"]}


def customer_360_says(*names: str, opening: int = 0, version: int = 1) -> list[ProfileChanged]:
    return [
        ProfileChanged(
            customer_id=customer_id("test", name), version=version, party_kind="person", branch_id="B1",
            accounts=(OwnedAccount(account_id=account_id("test", name), kind="demand", opening_balance_minor=opening),),
        )
        for name in names
    ]  # fmt: skip


async def owners_known(eventing: Any, count: int) -> None:
    async def known() -> bool:
        return len(await eventing.rows("SELECT 1 FROM account_owner")) == count

    await eventually(known, what="the owners")


async def test_a_deposit_over_http_becomes_a_detection_with_evidence(eventing: Any) -> None:
    opened = [posting(f"O-{name}", name, OPENED, "1000.00") for name in ("A", "B")]
    early = (await post(eventing, *opened)).json()
    assert early == {"accepted": 0, "duplicates": 0, "waiting": 2, "clashes": []}

    await eventing.publish(*customer_360_says("A", "B"))
    deposit, small = posting("D", "A", DAY, "1000.01"), posting("S", "B", DAY, "1000.00")

    async def released() -> bool:
        return not await eventing.rows("SELECT 1 FROM intake_pending")

    await eventually(released, what="the waiting postings")
    taken = {"accepted": 0, "duplicates": 0, "waiting": 0, "clashes": []}
    assert (await post(eventing, deposit, small)).json() == taken | {"accepted": 2}
    assert (await post(eventing, deposit, small)).json() == taken | {"duplicates": 2}
    # I68: the same id with other content is told to whoever sent it; what came first holds.
    other = [deposit | {"amount": "9.00"}, small, small | {"account_id": "A"}]
    assert (await post(eventing, *other)).json() == taken | {"duplicates": 3, "clashes": ["D", "S"]}

    async def found() -> dict[str, dict[str, Any]]:
        return await detections(eventing)

    (one,) = (await eventually(found, what="the detection")).values()
    customer = customer_id("test", "A")
    assert one["detection_id"] == str(detection_id("large-deposit", str(customer), "D"))
    assert one["evidence"] == {
        "amount": "1000.01", "compared_with": "1000.00", "currency": "CNY", "metric": "mean_closing_balance_6m",
    }  # fmt: skip
    assert (one["state"], one["late"], one["branch_id"]) == ("raised", False, "B1")
    assert datetime.fromisoformat(one["expires_at"]) - datetime.fromisoformat(one["event_time"]) == (
        datetime(2024, 1, 3, tzinfo=UTC) - datetime(2024, 1, 1, tzinfo=UTC)
    )
    assert (await eventing.get(f"/v1/detections/{one['detection_id']}")).json() == one
    said = await eventing.rows("SELECT type, subject FROM outbox WHERE type LIKE 'eventing.detection%' ORDER BY seq")
    assert [row["type"] for row in said] == ["eventing.detection.raised.v1", "eventing.detection.evidence.v1"]
    assert {row["subject"] for row in said} == {str(customer)}

    async def told() -> bool:
        return (await eventing.get("/v1/status/eventing")).json()["business_date"] == DAY.isoformat()

    await eventually(told, what="the clock")

    undone = posting("U", "A", DAY, "1000.01", direction="debit", flags=["reversal"], reverses="D")
    await post(eventing, undone)

    async def withdrawn() -> bool:
        return (await detections(eventing, state="withdrawn")).get("D", {}).get("reason") == "reversed"

    await eventually(withdrawn, what="the withdrawal")
    assert await detections(eventing, state="raised") == {}


async def test_late_and_repeated_postings_of_an_adapter(eventing: Any, lake_dir: Path, tmp_path: Path) -> None:
    """Late ones repair, repeated ones count once, other currencies and accounts are kept and not summed; a close."""
    await eventing.publish(*customer_360_says("A", opening=50_000))
    await owners_known(eventing, 1)

    def said(key: str, day: date, amount: int, **more: Any) -> TransactionPosted:
        return TransactionPosted.model_validate(
            {"customer_id": customer_id("test", "A"), "posting_id": key, "account_id": account_id("test", "A"),
             "business_date": day, "direction": "credit", "amount_minor": amount, "currency": "CNY", "kind": "x"} | more
        )  # fmt: skip

    credit = said("D", DAY, 100_000)
    opening = said("O", OPENED, 50_000)
    await eventing.publish(opening, opening, said("F", OPENED, 10**9, currency="EUR"), time=NOON)
    await eventing.publish(said("W", OPENED, 10**9, account_kind="wealth"), credit, credit, time=NOON)
    debit = said("L", date(2024, 9, 1), 1_000, direction="debit", account_kind="time")
    await eventing.publish(debit, said("Z", date(2024, 8, 1), 10**9), time=NOON)

    async def found() -> dict[str, dict[str, Any]]:
        return await detections(eventing)

    # 500 opening + 500 posted = 1000.00 on every day: only the late debit makes the credit larger than that.
    (one,) = (await eventually(found, what="the detection")).values()
    assert (one["event_key"], one["late"], one["evidence"]["compared_with"]) == ("D", True, "999.95")

    async def beyond() -> bool:
        rows = await eventing.rows("SELECT sum(beyond_watermark) AS n FROM ledger_partition")
        return bool(rows[0]["n"] == 1)

    await eventually(beyond, what="the posting beyond the watermark")

    await clashing_ids_are_set_aside(eventing, said)
    body = {"to": "2024-09-03T12:00:00+08:00"}
    assert (await eventing.send("POST", "/v1/clock:advance", body)).json()["business_date"] == "2024-09-03"
    back = await eventing.send("POST", "/v1/clock:advance", {"to": "2024-09-02T12:00:00+08:00"})
    assert (back.status_code, back.json()["code"]) == (409, "back_in_time")
    await eventing.settled()
    lake = Lake(str(lake_dir), tmp_path / "x")
    rows = [row for file in lake.files("transactions") for row in parquet.read_table(file).to_pylist()]
    amounts = {row["posting_id"]: row["amount_minor"] for row in rows}
    assert (sorted(amounts), amounts["D"]) == (["D", "F", "L", "N", "O", "W", "Z"], 100_000)
    assert {pointer.partition for pointer in lake.pointers("transactions")} == {
        "month=2024-01", "month=2024-08", "month=2024-09",
    }  # fmt: skip
    assert not await eventing.rows("SELECT 1 FROM posting WHERE NOT in_lake")
    # Their own keys have told that they came before: nothing of it lies in the inbox.
    assert not await eventing.rows("SELECT 1 FROM inbox WHERE consumer LIKE 'LEDGER.%'")
    await a_day_is_closed_once(eventing)


async def clashing_ids_are_set_aside(eventing: Any, said: Callable[..., TransactionPosted]) -> None:
    """I68: an id that came before and says something else now is quarantined; what came first holds."""
    await eventing.publish(said("D", DAY, 999_999), said("O", OPENED, 50_000, kind="y"), said("N", DAY, 1), time=NOON)

    async def clashes() -> bool:
        held = await eventing.rows("SELECT error FROM quarantine")
        return ["id clash" in row["error"] for row in held] == [True, True]

    await eventually(clashes, what="both in quarantine")
    listed = (await eventing.get("/v1/quarantine/eventing")).json()["items"]
    assert {item["type"] for item in listed} == {TransactionPosted.TYPE}
    assert (await detections(eventing))["D"]["evidence"]["amount"] == "1000.00"


async def a_day_is_closed_once(eventing: Any) -> None:
    """A day is closed when it is left; what comes of it later gathers until no more of it comes."""
    today, before = date(2024, 9, 3), date(2024, 9, 2)
    assert await due(eventing, today, None, (before, 0))
    assert await due(eventing, today, before, (before, 0)), "the day has just been left"
    assert not await due(eventing, today, today, (before, 0)), "it was closed before"
    assert not await due(eventing, today, today, (before, 40), (before, 5)), "more of it comes"
    assert await due(eventing, today, today, (before, 40))
    assert not await due(eventing, today, today, (today, 40))
    assert await due(eventing, today, today, (today, 1_000))
    assert not await due(eventing, today, today)


async def due(eventing: Any, today: date, closed: date | None, *waiting: tuple[date, int]) -> bool:
    """Whether a close is due where postings of these days have been waiting for so many seconds. Leaves nothing."""
    async with eventing.service.runtime.worker_database.pool.acquire() as conn:
        undone = conn.transaction()
        await undone.start()
        for number, (day, seconds) in enumerate(waiting):
            await conn.execute(
                "INSERT INTO posting (account_id, posting_id, business_date, direction, amount_minor, currency, kind,"
                " received_at) VALUES ($1, $2, $3, 'credit', 1, 'CNY', 'x', now() - make_interval(secs => $4))",
                account_id("test", "A"), f"due-{number}", day, float(seconds),
            )  # fmt: skip
        found = bool(await conn.fetchval(upkeep.DUE, today, closed))
        await undone.rollback()
    return found


async def test_each_partition_has_its_own_watermark_and_a_silent_one_is_closed_with_the_others(eventing: Any) -> None:
    """A far day in one partition makes nobody late in another; business time is one, and closes every day of them."""
    names = [f"N{n}" for n in range(40)]
    fast = names[0]
    slow = next(n for n in names if number_of(customer_id("test", n)) != number_of(customer_id("test", fast)))
    await eventing.publish(*customer_360_says(fast, slow))
    await owners_known(eventing, 2)

    def said(name: str, key: str, day: date, amount: int) -> TransactionPosted:
        return TransactionPosted.model_validate(
            {"customer_id": customer_id("test", name), "posting_id": key, "account_id": account_id("test", name),
             "business_date": day, "direction": "credit", "amount_minor": amount, "currency": "CNY", "kind": "x"}
        )  # fmt: skip

    later = datetime(2024, 10, 2, 4, tzinfo=UTC)
    await eventing.publish(said(slow, "s0", OPENED, 100), time=NOON)
    await eventing.publish(said(fast, "f0", OPENED, 100), said(fast, "f1", date(2024, 10, 2), 1), time=later)
    await eventing.publish(said(slow, "s1", DAY, 900), time=NOON)

    async def found() -> dict[str, dict[str, Any]]:
        return await detections(eventing)

    (one,) = (await eventually(found, what="the detection")).values()
    assert (one["event_key"], one["late"]) == ("s1", False)
    closing = await eventing.send("POST", "/v1/clock:advance", {"to": "2024-10-02T20:00:00+08:00"})
    assert closing.json()["business_date"] == "2024-10-02"
    await eventing.settled()
    assert await eventing.rows("SELECT posting_id FROM posting WHERE NOT in_lake") == []


async def test_an_older_profile_changes_nothing(eventing: Any) -> None:
    newer, older = customer_360_says("A", opening=7, version=2), customer_360_says("A", opening=5, version=1)
    await eventing.publish(*newer)
    await owners_known(eventing, 1)
    await eventing.publish(*older, *customer_360_says("B"))
    await owners_known(eventing, 2)

    async def applied() -> bool:
        await eventing.settled()
        return True

    assert await applied()
    rows = await eventing.rows("SELECT opening_balance_minor AS o FROM account_owner ORDER BY o")
    assert [row["o"] for row in rows] == [0, 7]


async def test_what_the_edge_refuses(eventing: Any, new_bank: Callable[[], Any]) -> None:
    good = posting("1", "A", DAY, "1.00")
    assert (await post(eventing, good, role="marketer")).status_code == 403
    for bad in ({"amount": "1.001"}, {"amount": "-1.00"}, {"amount": "1e3"}, {"amount": "99999999999999.00"},
                {"currency": "CN"}, {"flags": ["new"]}, {"posting_id": ""}, {"posting_id": "x" * 65},
                {"booked_at": "2024-09-02T12:00:00"}, {"business_date": "2024-13-01"},
                {"business_date": "0001-01-02"}, {"name": "Li"}):  # fmt: skip
        refused = await post(eventing, good | bad)
        assert refused.status_code == 422, bad
        assert "99999999999999" not in refused.text
    assert (await post(eventing, *[good] * 501)).status_code == 422
    assert (await eventing.get("/v1/detections", role="partner")).status_code == 403
    assert (await eventing.get("/v1/detections", cursor="AAAA")).status_code == 400
    unknown = await eventing.get("/v1/detections/0190a7b0-0000-7000-8000-000000000000")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    folder = await eventing.send("POST", "/v1/ledger/imports", {
        "import_id": "0190a7b0-0000-7000-8000-000000000000", "folder": "/etc", "datasets": ["transactions"],
        "mapping": {"source": "t", "datasets": {"transactions": {"file": "a.csv", "columns": {}}}},
    })  # fmt: skip
    assert folder.status_code == 422


async def test_what_no_rule_can_read_is_set_aside(eventing: Any, streams: Any) -> None:
    """A posting in another customer's partition, one from before every ledger: quarantined; the next is applied."""
    from attune_contracts.envelope import envelope, nats_subject
    from attune_contracts.identifiers import partition
    from attune_service_kit.messaging import Broker, Message
    from attune_service_kit.testing_credentials import nats_seed

    good = TransactionPosted(
        customer_id=customer_id("test", "A"), posting_id="1", account_id=account_id("test", "A"), business_date=DAY,
        direction="credit", amount_minor=5, currency="CNY", kind="x",
    )  # fmt: skip
    own = partition(good.customer_id)
    sent = [(good, (own + 1) % 8), (good.model_copy(update={"business_date": date(2, 1, 1)}), own), (good, own)]
    broker = Broker(streams.url, user="ledger", seed=nats_seed("ledger"), name="adapter")
    await broker.start()
    await broker.ready()
    for posted, number in sent:
        event = envelope(posted, time=NOON)
        subject = nats_subject(posted.TYPE, number)
        await broker.publish(Message(subject, event.model_dump_json().encode(), str(event.id), "LEDGER"))
    await broker.stop()

    async def settled() -> bool:
        held = await eventing.rows("SELECT error FROM quarantine")
        return len(held) == 2 and len(await eventing.rows("SELECT 1 FROM keyed_state WHERE trigger <> ''")) == 1

    assert await eventually(settled, what="two in quarantine, one applied")


def test_a_day_far_ahead_of_the_wall_clock_is_the_senders_error() -> None:
    """H67: it would push the watermark over everybody: quarantined. A day ahead may be another zone's."""
    said = {
        "customer_id": str(customer_id("test", "A")), "posting_id": "1", "account_id": str(account_id("test", "A")),
        "business_date": DAY.isoformat(), "direction": "credit", "amount_minor": 5, "currency": "CNY", "kind": "x",
    }  # fmt: skip
    number = number_of(customer_id("test", "A"))
    event = Event(new_id(), TransactionPosted.TYPE, "A", NOON, said, number, 1)
    assert isinstance(ledger._read(event, DAY), Posting)
    with pytest.raises(FatalEvent, match="the business date lies in the future"):
        ledger._read(event, date(2024, 9, 1))


async def test_triggers_are_versioned(eventing: Any) -> None:
    path = "/v1/triggers/large-deposit"
    first = (await eventing.get(path)).json()
    assert (first["version"], first["cooldown_days"], first["lateness_days"]) == (1, 30, 3)
    same = (await eventing.send("PUT", path, {"cooldown_days": 30})).json()
    assert same == first
    second = (await eventing.send("PUT", path, {"cooldown_days": 0, "enabled": False}, role="marketer")).json()
    assert (second["version"], second["cooldown_days"], second["enabled"]) == (2, 0, False)
    assert second in (await eventing.get("/v1/triggers")).json()["items"]
    for enabled, there in ((True, False), (False, True)):
        found = (await eventing.get("/v1/triggers", enabled=enabled)).json()["items"]
        assert (second in found) is there
    first_page = (await eventing.get("/v1/triggers", limit=1)).json()
    assert len(first_page["items"]) == 1
    assert (await eventing.send("PUT", path, {"cooldown_days": -1})).status_code == 422
    assert (await eventing.send("PUT", path, {"months": 3})).status_code == 422
    assert (await eventing.get("/v1/triggers/none")).status_code == 404
    assert (await eventing.send("PUT", "/v1/triggers/none", {"enabled": True})).status_code == 404
    audit = await eventing.rows("SELECT entity_id, version FROM audit WHERE what = 'trigger.changed'")
    assert audit == [{"entity_id": "large-deposit", "version": "2"}]
