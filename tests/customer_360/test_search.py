"""Finding a customer: exact, masked, within the scope; and seeing an identity in full, for a reason and on record."""

import base64
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_360 import search
from customer_360.search import meanings


async def ask(bank: Any, query: str, *role: str, **body: Any) -> Any:
    """Search as somebody, by default a teller of B1."""
    headers = bank._token(*(role or ("teller", "B1")))
    return await bank.service.client.post("/v1/customers:search", json={"query": query, **body}, headers=headers)


async def found(bank: Any, query: str, *role: str, **body: Any) -> list[str]:
    """The bank's ids of those found."""
    response = await ask(bank, query, *role, **body)
    assert response.status_code == 200, response.text
    return [item["source_id"] for item in response.json()["items"]]


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_nobody_searches_without_the_scope(people: Any) -> None:
    assert (await people.service.client.post("/v1/customers:search", json={"query": "x"})).status_code == 401
    assert (await ask(people, "单小明", "partner")).status_code == 403


async def test_what_is_no_search_is_refused_without_being_repeated(people: Any) -> None:
    headers = people._token("teller", "B1")
    for body in ({}, {"query": ""}, {"query": "  "}, {"query": "x" * 201}, {"query": "x", "by": "shoe"}):
        response = await people.service.client.post("/v1/customers:search", json=body, headers=headers)
        assert response.status_code == 422
        assert "xxx" not in response.text


async def test_who_matches_too_many_must_ask_more_precisely(people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST", 1)
    response = await ask(people, "单小明")
    assert (response.status_code, response.json()["code"]) == (422, "search_too_broad")
    assert await found(people, "E12345678") == ["P2"]


# --- found -----------------------------------------------------------------------------------------------------------


CASES = {
    "单小明": {"P1", "P2"},
    " 单 小明 ": {"P1", "P2"},
    "shanxiaoming": {"P1", "P2", "P3"},
    "Shàn Xiǎomíng": {"P1", "P2", "P3"},
    "danxiaoming": {"P1", "P2"},
    "sxm": {"P1", "P2", "P3"},
    "wang wu": {"P5", "P6"},
    "ww": {"P6"},
    "王五": {"P6"},
    "13800138000": {"P1"},
    "+86 138-0013-8000": {"P1"},
    "13900139000": {"P2"},
    "+16502530000": {"P5"},
    "11010519491231002x": {"P1"},
    "110105491231002": {"P1"},
    "E12345678": {"P2"},
    "62170001": {"P1"},
    "62170004": set(),
    "P1": {"P1"},
    "P4": set(),
    "单": set(),
    "小明": set(),
    "1380013": set(),
    "%": set(),
}


async def test_the_match_is_exact_and_within_the_branch(people: Any) -> None:
    assert {query: set(await found(people, query)) for query in CASES} == CASES


async def test_l88_finding_nobody_is_told_to_the_gateway_alike_for_the_unknown_and_the_foreign(people: Any) -> None:
    find = "/v1/customers?source_id="
    foreign = ("P4", "P9")  # of another branch, of nobody
    for answer in [await ask(people, query) for query in foreign] + [
        await people.get(find + source_id, "teller", "B1") for source_id in foreign
    ]:
        assert (answer.json()["items"], answer.headers["x-nobody-found"]) == ([], "1")
    for answer in (await ask(people, "P1"), await people.get(find + "P1", "teller", "B1")):
        assert answer.json()["items"]
        assert "x-nobody-found" not in answer.headers


async def test_a_search_may_name_what_it_means(people: Any) -> None:
    assert set(await found(people, "13900139000", "head_office", by="phone")) == {"P2", "P4"}
    assert await found(people, "13900139000", by="document") == []
    assert await found(people, str(people.customer("P1"))) == ["P1"]
    assert await found(people, str(people.customer("P4"))) == []
    own = people.customer("P1")
    headers = people._token("mobile", customer=own)
    body = {"query": "单小明"}
    items = (await people.service.client.post("/v1/customers:search", json=body, headers=headers)).json()["items"]
    assert [item["source_id"] for item in items] == ["P1"]


async def test_what_is_found_is_masked_for_who_does_not_serve(people: Any) -> None:
    (item,) = (await ask(people, "P1")).json()["items"]
    assert (item["name"], item["phone"]) == ("单小明", "138****8000")
    (item,) = (await ask(people, "P1", "head_office")).json()["items"]
    assert (item["name"], item["phone"]) == ("单*", "138****8000")


async def test_pages_follow_how_names_are_read_and_the_cursor_tells_none(people: Any) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        answer = (await ask(people, "shanxiaoming", "head_office", limit=1, cursor=cursor)).json()
        seen += [item["source_id"] for item in answer["items"]]
        if (cursor := answer["next_cursor"]) is None:
            break
        assert b"shan" not in base64.urlsafe_b64decode(cursor + "==")
    # 单 before 善 of the same reading, then by id.
    same = sorted(("P1", "P2", "P4"), key=lambda p: str(people.customer(p)))
    assert seen == [*same, "P3"]
    first = (await ask(people, "shanxiaoming", "head_office", limit=1)).json()["next_cursor"]
    for query, role in (("sxm", "head_office"), ("shanxiaoming", "marketer")):
        other = await ask(people, query, role, cursor=first)
        assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")


@given(st.text(max_size=40))
def test_any_text_may_mean_something_or_nothing_but_never_fails(text: str) -> None:
    assert set(meanings(text)) <= {"customer_id", "source_id", "account", "name", "pinyin", "phone", "document"}


# --- disclosed -------------------------------------------------------------------------------------------------------


async def disclose(bank: Any, source_id: str, query: str, *role: Any, **more: Any) -> Any:
    """Ask for an identity in full."""
    path = f"/v1/customers/{bank.customer(source_id)}/identity?{query}"
    return await bank.get(path, *(role or ("teller", "B1")), **more)


async def test_without_a_reason_and_a_field_nothing_is_disclosed(people: Any) -> None:
    for query in ("", "reason=complaint", "fields=phone", "reason=curiosity&fields=phone", "reason=complaint&fields=x"):
        assert (await disclose(people, "P1", query)).status_code == 422


async def test_who_does_not_serve_or_not_this_customer_sees_nothing(people: Any) -> None:
    query = "reason=contact_customer&fields=phone"
    assert (await disclose(people, "P1", query, "marketer")).status_code == 403
    assert (await disclose(people, "P4", query)).status_code == 404
    own = await disclose(people, "P1", "reason=own_data&fields=phone")
    assert (own.status_code, own.json()["code"]) == (422, "reason_refused")
    assert await people.rows("SELECT * FROM audit WHERE what = 'identity.disclosed'") == []


async def test_a_disclosure_holds_what_was_asked_and_stands_on_record(people: Any) -> None:
    response = await disclose(people, "P1", "reason=contact_customer&fields=phone&fields=address")
    assert response.json() == {
        "customer_id": str(people.customer("P1")),
        "name": None,
        "phone": "138 0013 8000",
        "document": None,
        "address": "1 Road",
    }
    assert response.headers["cache-control"] == "no-store"
    ((who, entity, detail),) = await people.rows(
        "SELECT who, entity_id, detail::text FROM audit WHERE what = 'identity.disclosed'"
    )
    assert (who, UUID(entity)) == ("teller-1", people.customer("P1"))
    assert detail == '{"fields": ["address", "phone"], "reason": "contact_customer"}'
    own = people.customer("P1")
    mine = await disclose(people, "P1", "reason=own_data&fields=document", "mobile", customer=own)
    assert mine.json()["document"] == "11010519491231002X"
