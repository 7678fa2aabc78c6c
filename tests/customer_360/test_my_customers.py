"""My customers: whose, in which order, and every reason to call from its first to its last day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from customer_360.name_order import name_key
from customer_360.reasons import REASONS

LIST = "/v1/my-customers"


@pytest.fixture
def today(imported: Any) -> date:
    return imported.service.runtime.clock.business_date()  # type: ignore[no-any-return]


async def quiet(bank: Any, today: date) -> None:
    """Nobody has any reason: contacted today, all data fresh, rated for a year, no birthday near."""
    await bank.rows(
        "UPDATE party SET birth_date = $1, risk_rating = 'C3', risk_rated_on = $2, opened_on = '2020-01-01'",
        (today - timedelta(days=100)).replace(year=1980),
        today,
    )
    await bank.rows("INSERT INTO last_contact SELECT customer_id, $1 FROM party", datetime.now(UTC))
    await bank.rows(
        "INSERT INTO profile_field (customer_id, field, source, updated_by, updated_at)"
        " SELECT customer_id, 'phone', 'bank', 'tests', now() FROM party ON CONFLICT DO NOTHING"
    )
    await bank.rows("UPDATE holding SET matures_on = NULL")


async def reasons(bank: Any, query: str = "", subject: str = "M1") -> dict[str, list[str]]:
    """Customer → reasons, in the list's order."""
    answer = await bank.get(f"{LIST}{query}", "relationship_manager", "B1", subject=subject)
    assert answer.status_code == 200, answer.text
    return {line["source_id"]: [r["code"] for r in line["reasons"]] for line in answer.json()["items"]}


async def opportunity(bank: Any, customer: UUID, hours: int = 24) -> None:
    await bank.rows(
        "INSERT INTO open_opportunity VALUES ($1, $2, $3, false, $4)",
        uuid4(), customer, uuid4(), datetime.now(UTC) + timedelta(hours=hours),
    )  # fmt: skip


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_whose_list(imported: Any) -> None:
    assert (await imported.service.client.get(LIST)).status_code == 401
    for role, branch in (("teller", "B1"), ("head_office", None), ("call_centre", None)):
        answer = await imported.get(LIST, role, branch)
        assert (answer.status_code, answer.json()["code"]) == (403, "book_not_yours")
    other = await imported.get(f"{LIST}?employee_id=M2", "relationship_manager", "B1", subject="M1")
    assert (other.status_code, other.json()["code"]) == (403, "book_not_yours")
    assert (await imported.get(f"{LIST}?sort=income", "branch_manager", "HO")).status_code == 422
    assert (await imported.get(f"{LIST}?reason=boredom", "branch_manager", "HO")).status_code == 422


async def test_own_book_or_the_whole_branch(imported: Any) -> None:
    async def seen(role: str, branch: str, subject: str | None = None, query: str = "") -> set[str]:
        answer = await imported.get(f"{LIST}{query}", role, branch, subject=subject)
        return {line["source_id"] for line in answer.json()["items"]}

    assert await seen("relationship_manager", "B1", "M1") == {"P1", "P4"}
    assert await seen("relationship_manager", "B2", "M2") == {"P3"}
    assert await seen("relationship_manager", "B1", "M2") == set()  # another branch's manager's customers
    assert await seen("branch_manager", "HO") == {"P1", "P3", "P4"}
    assert await seen("branch_manager", "B2") == {"P3"}
    assert await seen("branch_manager", "HO", None, "?employee_id=M1") == {"P1", "P4"}


# --- reasons ---------------------------------------------------------------------------------------------------------


async def test_nobody_has_a_reason_without_cause(imported: Any, today: date) -> None:
    await quiet(imported, today)
    assert await reasons(imported) == {"P1": [], "P4": []} or await reasons(imported) == {"P4": [], "P1": []}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE holding SET matures_on = $2 + 30 WHERE customer_id = $1", "maturing_holding"),
        ("UPDATE holding SET matures_on = $2 WHERE customer_id = $1", "maturing_holding"),
        ("UPDATE holding SET matures_on = $2 + 31 WHERE customer_id = $1", None),
        ("UPDATE holding SET matures_on = $2 - 1 WHERE customer_id = $1", None),
        ("UPDATE party SET risk_valid_until = $2 + 30 WHERE customer_id = $1", "risk_rating_expiring"),
        ("UPDATE party SET risk_valid_until = $2 + 31 WHERE customer_id = $1", None),
        ("UPDATE party SET risk_rated_on = $2 - 400 WHERE customer_id = $1", "risk_rating_expiring"),
        ("UPDATE party SET birth_date = $2 - interval '40 years' WHERE customer_id = $1", "birthday"),
        ("UPDATE party SET birth_date = $2 + 7 - interval '40 years' WHERE customer_id = $1", "birthday"),
        ("UPDATE party SET birth_date = $2 + 9 - interval '40 years' WHERE customer_id = $1", None),
        ("UPDATE party SET birth_date = $2 - 1 - interval '40 years' WHERE customer_id = $1", None),
        ("UPDATE party SET birth_date = $2 - interval '40 years', party_kind = 'organisation' WHERE customer_id = $1",
         None),
        ("UPDATE last_contact SET at = $2 - interval '92 days' WHERE customer_id = $1", "silence"),
        ("UPDATE last_contact SET at = $2 - interval '88 days' WHERE customer_id = $1", None),
        ("UPDATE profile_field SET updated_at = $2 - interval '370 days' WHERE customer_id = $1", "stale_contact_data"),
        ("UPDATE profile_field SET updated_at = $2 - interval '360 days' WHERE customer_id = $1", None),
        ("DELETE FROM profile_field WHERE customer_id = $1 AND $2::date IS NOT NULL", None),
        ("UPDATE party_identity SET told_at = $2 - interval '370 days' WHERE customer_id = $1", "stale_contact_data"),
        ("UPDATE party_identity SET told_at = $2 - interval '360 days' WHERE customer_id = $1", None),
        ("WITH n AS (DELETE FROM profile_field WHERE customer_id = $1)"
         " UPDATE party_identity SET phone = NULL WHERE customer_id = $1 AND $2::date IS NOT NULL",
         "stale_contact_data"),
    ],
)  # fmt: skip
async def test_a_reason_from_its_first_to_its_last_day(
    imported: Any, today: date, change: str, expected: str | None
) -> None:
    await quiet(imported, today)
    await imported.rows(change.replace("$2", "$2::date"), imported.customer("P1"), today)
    assert (await reasons(imported))["P1"] == ([expected] if expected else [])


async def test_never_seen_and_new_are_two_things(imported: Any, today: date) -> None:
    await quiet(imported, today)
    await imported.rows("DELETE FROM last_contact")
    assert (await reasons(imported))["P1"] == ["silence"]
    await imported.rows("UPDATE party SET opened_on = $1", today - timedelta(days=10))
    assert (await reasons(imported))["P1"] == []


async def test_an_open_opportunity_comes_first_and_ends_with_its_clock(imported: Any, today: date) -> None:
    await quiet(imported, today)
    one, four = imported.customer("P1"), imported.customer("P4")
    await imported.rows("UPDATE holding SET matures_on = $1 WHERE customer_id = $2", today, one)
    await opportunity(imported, four)
    assert list((await reasons(imported)).items()) == [("P4", ["open_opportunity"]), ("P1", ["maturing_holding"])]
    await opportunity(imported, one)
    assert (await reasons(imported))["P1"] == ["open_opportunity", "maturing_holding"]
    await imported.rows("UPDATE open_opportunity SET expires_at = now() - interval '1 second'")
    assert await reasons(imported) == {"P1": ["maturing_holding"], "P4": []}
    assert list(await reasons(imported, "?reason=maturing_holding&reason=birthday")) == ["P1"]
    assert await reasons(imported, "?reason=birthday") == {}


async def test_a_merged_record_brings_its_reasons_with_it(imported: Any, today: date) -> None:
    await quiet(imported, today)
    one, other = imported.customer("P1"), imported.customer("P4")
    await imported.rows("INSERT INTO party_alias (alias_id, customer_id) VALUES ($1, $2)", other, one)
    await opportunity(imported, other)
    assert await reasons(imported) == {"P1": ["open_opportunity"]}


# --- order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["reason", "assets", "name"])
async def test_pages_in_every_order(imported: Any, sort: str) -> None:
    await imported.rows(
        "INSERT INTO tag VALUES ($1, 'aum_band', 'insight', 'band_4', 'insight', now(), CURRENT_DATE + 9)",
        imported.customer("P3"),
    )
    await opportunity(imported, imported.customer("P4"))
    whole = (await imported.get(f"{LIST}?sort={sort}", "branch_manager", "HO")).json()
    assert whole["next_cursor"] is None
    lines, cursor = [], ""
    while cursor is not None:
        query = f"?sort={sort}&limit=1" + (f"&cursor={cursor}" if cursor else "")
        page = (await imported.get(f"{LIST}{query}", "branch_manager", "HO")).json()
        lines += page["items"]
        cursor = page["next_cursor"]
    assert lines == whole["items"]
    first = {"reason": "P4", "assets": "P3", "name": "P3"}[sort]
    assert lines[0]["source_id"] == first
    assert {line["source_id"]: line["assets_band"] for line in lines} == {"P1": 0, "P3": 4, "P4": 0}
    if sort == "name":
        assert [line["name"] for line in lines] == sorted((line["name"] for line in lines), key=name_key)
    cursor = (await imported.get(f"{LIST}?sort={sort}&limit=1", "branch_manager", "HO")).json()["next_cursor"]
    for query, subject in ((f"?sort={sort}&reason=silence", None), (f"?sort={sort}", "another")):
        answer = await imported.get(f"{LIST}{query}&cursor={cursor}", "branch_manager", "HO", subject=subject)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_too_many_names_are_not_opened(imported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customer_360.my_customers.MOST_BY_NAME", 2)
    answer = await imported.get(f"{LIST}?sort=name", "branch_manager", "HO")
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_by_name")


async def test_assets_of_who_wants_no_personalisation_are_not_read(imported: Any) -> None:
    await imported.rows(
        "INSERT INTO tag VALUES ($1, 'aum_band', 'insight', 'band_4', 'insight', now(), CURRENT_DATE + 9)",
        imported.customer("P1"),
    )
    await imported.rows("UPDATE party SET personalisation = false")
    lines = (await imported.get(LIST, "branch_manager", "HO")).json()["items"]
    assert {line["assets_band"] for line in lines} == {0}


def test_names_sort_by_pinyin_among_latin_ones() -> None:
    names = ["张三", "Adams", None, "欧阳娜娜", "单田芳", "Zeng", "阿依古丽", "李四"]
    assert sorted(names, key=name_key) == ["阿依古丽", "Adams", "李四", "欧阳娜娜", "单田芳", "Zeng", "张三", None]


def test_reasons_have_their_order() -> None:
    assert REASONS == (
        "open_opportunity", "maturing_holding", "risk_rating_expiring", "birthday", "silence", "stale_contact_data",
    )  # fmt: skip
