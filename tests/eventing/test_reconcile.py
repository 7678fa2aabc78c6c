"""A day's file repairs what the stream has lost, once; differences are listed and left to people."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.eventing.test_imports import MAPPING, write

from attune_contracts.customer_360 import OwnedAccount, ProfileChanged
from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.testing import eventually

OPENED, DAY, LATER = date(2024, 1, 10), date(2024, 9, 2), date(2024, 9, 4)
NOON = datetime(2024, 9, 2, 4, tzinfo=UTC)


def profile(name: str) -> ProfileChanged:
    return ProfileChanged(
        customer_id=customer_id("test", name), version=1, party_kind="person", branch_id="B1",
        accounts=(OwnedAccount(account_id=account_id("test", name), kind="demand"),),
    )  # fmt: skip


def said(name: str, key: str, day: date, net: int) -> TransactionPosted:
    return TransactionPosted.model_validate(
        {"customer_id": customer_id("test", name), "posting_id": key, "account_id": account_id("test", name),
         "business_date": day, "direction": "credit" if net > 0 else "debit", "amount_minor": abs(net),
         "currency": "CNY", "kind": "transfer"}
    )  # fmt: skip


async def reconcile(eventing: Any, folder: Path | None = None, day: date = DAY) -> dict[str, Any]:
    body: dict[str, Any] = {"date": day.isoformat()}
    body |= {"mapping": MAPPING, "folder": str(folder)} if folder else {}
    found: dict[str, Any] = await eventing.done(await eventing.send("POST", "/v1/ledger/reconciliations", body))
    return found


async def streamed(eventing: Any, *postings: TransactionPosted, count: int) -> None:
    await eventing.publish(*postings, time=NOON)

    async def there() -> bool:
        return bool((await eventing.rows("SELECT count(*) AS n FROM posting"))[0]["n"] == count)

    await eventually(there, 60, what=f"{count} postings")


async def balances(eventing: Any) -> dict[Any, int]:
    from eventing.judging import Subject

    rows = await eventing.rows("SELECT customer_id, packed FROM keyed_state WHERE trigger <> ''")
    subjects = {row["customer_id"]: Subject.unpack(row["packed"]).history for row in rows}
    return {customer: history.base + sum(history.nets) for customer, history in subjects.items()}


async def test_what_the_stream_lost_is_sent_once_and_judged_as_late(eventing: Any, tmp_path: Path) -> None:
    await eventing.publish(profile("A"), profile("B"))

    async def known() -> bool:
        return len(await eventing.rows("SELECT 1 FROM account_owner")) == 2

    await eventually(known, what="the owners")
    await streamed(
        eventing, said("A", "a0", OPENED, 1000), said("B", "b0", OPENED, 1000), said("A", "same", DAY, 300),
        said("A", "amount", DAY, 400), said("A", "account", DAY, 500), said("B", "day", LATER, 600),
        said("B", "unheard", DAY, 700), said("A", "a9", LATER, -1), count=8,
    )  # fmt: skip
    folder = tmp_path / "files"
    write(
        folder, "postings.csv",
        "same,A,2024-09-02,C,3.00", "amount,A,2024-09-02,C,4.01", "account,B,2024-09-02,C,5.00",
        "day,B,2024-09-02,C,6.00", "lost-small,A,2024-09-02,D,1.00", "lost-big,A,2024-09-02,C,90.00",
        "lost-unknown,X,2024-09-02,C,1.00", "other-day,A,2024-09-01,C,1.00",
        "torn,A,2024-09-02,C,1.00.0",
    )  # fmt: skip
    first = await reconcile(eventing, folder)
    assert first == {
        "date": "2024-09-02", "source": "file", "in_file": 7, "in_stream": 4, "matched": 1, "missing": 3, "added": 2,
        "already_sent": 0, "waiting": 1, "beyond_watermark": 0, "different": 3, "only_in_stream": 1,
        "unexpected": ["unheard"],
        "differences": [
            {"posting_id": "account", "field": "account_id", "file": str(account_id("test", "B")),
             "stream": str(account_id("test", "A"))},
            {"posting_id": "amount", "field": "amount_minor", "file": "401", "stream": "400"},
            {"posting_id": "day", "field": "business_date", "file": "2024-09-02", "stream": "2024-09-04"},
        ],
        "rejected": 1,
        "rejects": [{"file": "postings.csv", "line": "10", "column": "amount",
                     "reason": "is not an amount with at most 2 decimal places"}],
    }  # fmt: skip
    assert list(eventing.service.settings.scratch.rglob("*.rejects.csv")) == [], "they hold customers' data"
    await eventing.settled()
    found = await eventing.rows("SELECT event_key, late, state FROM detection")
    assert found == [{"event_key": "lost-big", "late": True, "state": "raised"}]
    a, b = customer_id("test", "A"), customer_id("test", "B")
    assert await balances(eventing) == {a: 1000 + 300 + 400 + 500 - 1 - 100 + 9000, b: 1000 + 600 + 700}

    again = await reconcile(eventing, folder)
    assert (again["missing"], again["added"], again["waiting"]) == (1, 0, 1)
    await eventing.settled()
    assert await balances(eventing) == {a: 10_099 + 1000, b: 2300}
    sent = await eventing.rows("SELECT count(*) AS n FROM outbox WHERE stream = 'LEDGER'")
    assert sent == [{"n": 2}]

    # What was sent lies in the lake after the day's close, and the lake agrees with the stream from then on.
    lake = await reconcile(eventing)
    told = [lake[name] for name in ("source", "in_file", "matched", "missing", "different")]
    assert told == ["lake", 6, 6, 0, 0]


async def test_the_lakes_own_file_repairs_and_what_is_too_late_moves_the_balance_only(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("A", opening=1000)
    bank.post("first", "A", OPENED, 1)
    bank.post("lost", "A", DAY, 50_000)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await streamed(eventing, said("A", "first", OPENED, 1), said("A", "far", date(2024, 10, 2), 5), count=2)
    result = await reconcile(eventing)
    assert (result["missing"], result["added"], result["beyond_watermark"]) == (1, 1, 1)
    await eventing.settled()
    assert await eventing.rows("SELECT event_key FROM detection") == []
    assert list((await balances(eventing)).values()) == [50_006]
    assert (await reconcile(eventing))["missing"] == 0
    found = await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {}))
    assert found["raised"] == 1

    # A rebuild has taken the lake's days without keeping the keys of the older ones.
    old = await eventing.send("POST", "/v1/ledger/reconciliations", {"date": "2024-03-01"})
    job = f"/v1/jobs/eventing/{old.json()['id']}"

    async def failed() -> Any:
        shown = (await eventing.get(job)).json()
        return shown["error"] if shown["state"] == "failed" else None

    assert (await eventually(failed, 60, what="the refusal"))["code"] == "day_not_remembered"
    refused = await eventing.send("POST", "/v1/ledger/reconciliations", {"date": "2024-09-02"}, role="partner")
    assert refused.status_code == 403
    half = await eventing.send("POST", "/v1/ledger/reconciliations", {"date": "2024-09-02", "folder": str(tmp_path)})
    assert half.status_code == 422
