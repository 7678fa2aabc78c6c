"""Particulars: whose word it is, how fresh, and that a file does not take back what somebody has said since."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import orjson
import pytest

from attune_contracts.customer_360 import ProfileChanged
from customer_360.detail_rules import MONTHS, Detail, Source, fresh_since, freshness, masked_email, source_of
from customer_360.identity import identities
from customer_360.settings import ParticularName

NOW = datetime(2026, 3, 17, tzinfo=UTC)


async def patch(bank: Any, as_: dict[str, str] | None = None, source_id: str = "P1", **body: Any) -> Any:
    path = f"/v1/customers/{bank.customer(source_id)}/details"
    headers = as_ or bank.writer("relationship_manager", "B1")
    return await bank.service.client.patch(path, json=body, headers=headers)


async def known(bank: Any, *args: Any, **kwargs: Any) -> dict[str, dict[str, Any]]:
    """Field → what is told of it to this caller."""
    answer = await bank.get(f"/v1/customers/{bank.customer('P1')}/details", *args, **kwargs)
    assert answer.status_code == 200, answer.text
    return {d["field"]: d for d in answer.json()["details"]}


async def identity(bank: Any, column: str, source_id: str = "P1") -> str | None:
    """What is sealed in the identity of a customer."""
    ((sealed,),) = await bank.rows(
        f"SELECT {column} FROM party_identity WHERE customer_id = $1", bank.customer(source_id)
    )
    text: str | None = identities(bank.service.runtime).columns[column].open_text(str(bank.customer(source_id)), sealed)
    return text


async def a_year_passes(bank: Any) -> None:
    """Whatever anybody or a file has said was said 400 days earlier."""
    for table, column in (("profile_field", "updated_at"), ("party_identity", "told_at")):
        await bank.rows(f"UPDATE {table} SET {column} = {column} - interval '400 days'")


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_who_may_not_and_what_is_refused(imported: Any) -> None:
    refused = await patch(imported, imported.writer("marketer"), job="engineer")
    assert (refused.status_code, refused.json()["needs"]) == (403, "customers:write")
    assert (await patch(imported, imported.writer("teller", "B2"), job="engineer")).status_code == 404
    stranger = imported.writer("mobile", customer=imported.customer("P3"))
    assert (await patch(imported, stranger, job="engineer")).status_code == 404
    path = f"/v1/customers/{imported.customer('P1')}/details"
    assert (await imported.get(path, "teller", "B2")).status_code == 404
    for wrong in ({}, {"job": ""}, {"income_band": "plenty"}, {"shoe_size": "43"}, {"marital_status": True}):
        assert (await patch(imported, **wrong)).status_code == 422
    for field, value in (("phone", "12345"), ("email", "nobody@nowhere")):
        answer = await patch(imported, **{field: value})
        assert (answer.status_code, answer.json()["code"]) == (422, f"{field}_not_possible")
        assert value not in answer.text


# --- done ------------------------------------------------------------------------------------------------------------


async def test_each_field_has_its_source_and_freshness(imported: Any) -> None:
    done = await patch(imported, job="engineer", income_band="10000_20000")
    assert done.status_code == 200, done.text
    mobile = imported.writer("mobile", customer=imported.customer("P1"))
    await patch(imported, mobile, employer="Rail", email="zhang.san@example.com")
    await patch(imported, imported.writer("teller", "B1"), marital_status="married")
    told = await known(imported, "teller", "B1")
    assert {f: (d["value"], d["source"], d["freshness"]) for f, d in told.items()} == {
        "job": ("engineer", "manager", "fresh"), "income_band": ("10000_20000", "manager", "fresh"),
        "employer": ("Rail", "customer", "fresh"), "email": ("z***@example.com", "customer", "fresh"),
        "marital_status": ("married", "bank", "fresh"), "phone": ("138****0001", "import", "fresh"),
        "address": (None, "import", "fresh"),
    }  # fmt: skip
    assert (told["job"]["updated_by"], told["phone"]["masked"]) == ("relationship_manager-1", True)
    await a_year_passes(imported)
    answer = (await imported.get(f"/v1/customers/{imported.customer('P1')}/details", "teller", "B1")).json()
    assert set(answer["stale"]) == {"job", "income_band", "employer", "email", "phone", "address"}
    assert answer["missing"] == ["education"]
    # Saying the same again makes it fresh again.
    await patch(imported, job="engineer")
    assert (await known(imported, "teller", "B1"))["job"]["freshness"] == "fresh"
    view = (await imported.get(f"/v1/customers/{imported.customer('P1')}", "teller", "B1")).json()
    assert {d["field"]: (d["value"], d["freshness"]) for d in view["details"]}["employer"] == ("Rail", "stale")
    assert {d["field"]: d["value"] for d in view["details"]}["email"] is None
    removed = await patch(imported, job=None)
    assert "job" in removed.json()["missing"]


async def test_contact_data_are_sealed_found_and_told_to_nobody(imported: Any) -> None:
    done = await patch(imported, phone="13911112222", address="9 New Street", email="zhang.san@example.com")
    assert done.status_code == 200, done.text
    assert (await identity(imported, "phone"), await identity(imported, "address")) == ("13911112222", "9 New Street")
    assert (await identity(imported, "name")) == "张三"
    for text in ("13911112222", "9 New Street", "zhang.san"):
        assert text not in done.text
        for table in ("party_identity", "profile_field", "outbox", "audit", "timeline_entry", "idempotency_key"):
            rows = await imported.rows(f"SELECT t::text FROM {table} t")
            assert text not in str(rows), table
            assert text.encode().hex() not in str(rows), table
    rows = await imported.rows("SELECT payload FROM outbox WHERE type = $1", ProfileChanged.TYPE)
    assert [ProfileChanged.model_validate(orjson.loads(r[0])["data"]).version for r in rows] == [2]
    # Said again it is confirmed, and the profile has no new version.
    await patch(imported, phone="13911112222")
    ((version,),) = await imported.rows("SELECT version FROM party WHERE source_id = 'P1'")
    assert version == 2


async def test_a_file_does_not_take_back_what_was_said_while_it_is_fresh(imported: Any) -> None:
    await patch(imported, phone="13911112222")
    for _ in range(2):
        assert (await imported.run(["parties"]))["datasets"]["parties"]["unchanged"] == 4
    assert (await identity(imported, "phone"), await identity(imported, "address")) == ("13911112222", "1 Road, City")
    # What the file changes beside it is taken, and the phone stays.
    changed = imported.files["customers.csv.gz"].replace("1 Road, City", "2 Road, City")
    imported.write(**{"customers.csv.gz": changed})
    assert (await imported.run(["parties"]))["datasets"]["parties"]["unchanged"] == 3
    assert (await identity(imported, "phone"), await identity(imported, "address")) == ("13911112222", "2 Road, City")
    assert (await known(imported, "teller", "B1"))["phone"]["source"] == "manager"
    # A year later nobody has confirmed it: the bank's own file counts again.
    await a_year_passes(imported)
    assert (await imported.run(["parties"]))["datasets"]["parties"]["unchanged"] == 3
    assert await identity(imported, "phone") == "13800000001"
    told = await known(imported, "teller", "B1")
    assert (told["phone"]["source"], told["phone"]["freshness"]) == ("import", "fresh")


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "own", "expected"),
    [
        ({"relationship_manager"}, False, "manager"),
        ({"branch_manager"}, False, "manager"),
        ({"teller"}, False, "bank"),
        ({"call_centre"}, False, "bank"),
        ({"mobile"}, True, "customer"),
    ],
)
def test_whose_word(roles: set[str], own: bool, expected: Source) -> None:
    assert source_of(roles, own) == expected


def test_how_long_a_word_is_fresh() -> None:
    since = fresh_since(NOW, {"job": 1})
    assert set(since) == set(MONTHS) == set(get_args(Detail)) == set(get_args(ParticularName))
    assert since["job"] == datetime(2026, 2, 17, tzinfo=UTC)
    assert since["phone"] == datetime(2025, 3, 17, tzinfo=UTC)
    assert freshness(since["phone"], since["phone"]) == "fresh"
    assert freshness(since["phone"] - timedelta(seconds=1), since["phone"]) == "stale"


def test_an_email_is_masked() -> None:
    assert masked_email("zhang.san@example.com") == "z***@example.com"
