"""Several records, one customer: found by the document, decided by people, separated again without a loss."""

import random
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from attune_service_kit.errors import Refusal
from customer_360 import resolution
from customer_360.resolution_rules import Age, age, answering

from .test_import_history import undo

DATE = {"format": "YYYYMMDD"}
MAPPING: dict[str, Any] = {
    "source": "core",
    "datasets": {
        "branches": {"file": "branches.csv", "columns": {"branch_id": "no", "name": "no"}},
        "parties": {
            "file": "all.csv",
            "columns": {
                "source_id": "cif",
                "party_kind": {"column": "kind", "codes": {"P": "person", "X": "prospect"}},
                "name": "name",
                "birth_date": {"column": "born", **DATE},
                "phone": "phone",
                "document": "doc",
                "branch_id": "branch",
                "opened_on": {"column": "since", **DATE},
                "risk_rating": "risk",
                "risk_rated_on": {"column": "rated", **DATE},
                "prospect_source": {"constant": "fair"},
                "legal_basis": {"constant": "consent"},
            },
        },
        "accounts": {
            "file": "accounts.csv",
            "columns": {
                "source_id": "no",
                "customer_id": "cif",
                "kind": {"constant": "demand"},
                "currency": {"constant": "CNY"},
            },
        },
        "account_parties": {
            "file": "rights.csv",
            "columns": {
                "account_id": "no",
                "customer_id": "cif",
                "role": {"column": "role", "codes": {"O": "owner", "A": "authorised"}},
            },
        },
        "consents": {
            "file": "consents.csv",
            "columns": {
                "customer_id": "cif",
                "purpose": {"constant": "marketing_contact"},
                "granted": {"column": "yes", "codes": {"Y": True, "N": False}},
                "evidence": {"constant": "form"},
                "since": {"column": "since", **DATE},
            },
        },
    },
}
# C1 and C2 show the same card, once in its old form; C3 shares name and birth date, C4 name and phone with C1; X1 is
# the prospect who became C5; C6 is somebody else of the same name as C5.
FILES = {
    "branches.csv": "no\nB1\nB2\n",
    "all.csv": "cif,kind,name,born,phone,doc,branch,since,risk,rated\n"
    "C1,P,王芳,19491231,13800138000,11010519491231002X,B1,20100101,C2,20240101\n"
    "C2,P,王 芳,,,110105491231002,B2,20200101,C4,20250101\n"
    "C3,P,王芳,19491231,,E12345678,B1,20150101,,\n"
    "C4,P,王芳,19800101,138-0013-8000,,B2,20160101,,\n"
    "C5,P,赵六,19700101,13700137000,E7,B1,20230101,,\n"
    "X1,X,赵六,,13700137000,e-7,B1,,,\n"
    "C6,P,赵六,19700102,,E8,B1,20230101,,\n",
    "accounts.csv": "no,cif\nA1,C1\nA2,C2\nA3,C3\n",
    "rights.csv": "no,cif,role\nA1,C1,O\nA1,C2,A\n",
    "consents.csv": "cif,yes,since\nC1,Y,20230101\nC2,N,20240101\nC3,Y,20230101\n",
}
STEWARD = ("data_steward",)


@pytest.fixture
async def twins(import_once: Any) -> Any:
    """A bank whose records are fewer customers than they seem."""
    return await import_once("twins", MAPPING, FILES)


async def aliases(bank: Any) -> dict[str, str]:
    """Who answers for whom, by the bank's ids."""
    rows = await bank.rows(
        "SELECT r.source_id, p.source_id FROM party_alias a JOIN party r ON r.customer_id = a.alias_id"
        " JOIN party p ON p.customer_id = a.customer_id"
    )
    return {row[0]: row[1] for row in rows}


async def post(bank: Any, path: str, body: dict[str, Any], *role: str) -> Any:
    """A write of a data steward."""
    return await bank.service.client.post(path, json=body, headers=bank.writer(*(role or STEWARD)))


async def open_reviews(bank: Any) -> dict[frozenset[str], dict[str, Any]]:
    """The pairs that wait, by the bank's ids."""
    items = (await bank.get("/v1/identity-reviews", *STEWARD)).json()["items"]
    return {frozenset((i["first"]["source_id"], i["second"]["source_id"])): i for i in items}


async def view(bank: Any, source_id: str, *role: str) -> Any:
    """The view by the id of one of the records."""
    return await bank.get(f"/v1/customers/{bank.customer(source_id)}", *(role or ("teller", "B1")))


async def everything(bank: Any) -> list[Any]:
    """What each id answers, and what the lake would get, without versions and merges' own traces."""
    views = []
    for source_id in ("C1", "C2", "C3", "C4", "C5", "X1", "C6"):
        shown = (await view(bank, source_id, *STEWARD)).json()
        views.append({k: v for k, v in shown.items() if k not in ("version", "timeline", "consents")})
    return views


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_only_data_stewards_merge_separate_and_review(twins: Any) -> None:
    first, second = str(twins.customer("C1")), str(twins.customer("C6"))
    for role in (("teller", "B1"), ("branch_manager", "B1"), ("marketer",), ("head_office",)):
        assert (
            await post(twins, "/v1/merges", {"first": first, "second": second, "reason": "seen"}, *role)
        ).status_code == 403
        assert (await twins.get("/v1/identity-reviews", *role)).status_code == 403
    cases = [
        ({"first": first, "second": first}, 422, "same_record"),
        ({"first": first, "second": str(uuid4())}, 404, "not_found"),
        ({"first": first, "second": str(twins.customer("C2"))}, 409, "already_one_customer"),
    ]
    for body, status, code in cases:
        refused = await post(twins, "/v1/merges", body | {"reason": "seen"})
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    for path, code in (("merges/{}:undo", "unknown_merge"), ("identity-reviews/{}:merge", "unknown_review")):
        refused = await post(twins, "/v1/" + path.format(uuid4()), {"reason": "seen"})
        assert (refused.status_code, refused.json()["code"]) == (404, code)


# --- found -----------------------------------------------------------------------------------------------------------


async def test_the_same_document_makes_one_customer_and_a_likeness_a_question(twins: Any) -> None:
    assert await aliases(twins) == {"C2": "C1", "X1": "C5"}
    reviews = await open_reviews(twins)
    assert {pair: (r["grounds"], r["documents"]) for pair, r in reviews.items()} == {
        frozenset({"C1", "C3"}): (["name_birth"], "other"),
        frozenset({"C1", "C4"}): (["name_phone"], "missing"),
    }
    first = reviews[frozenset({"C1", "C3"})]["first"]
    assert {first["name"], first["document"]} <= {"王芳", "110***********002X", "E******78"}
    again = (await twins.finish(await twins.ask(["parties"], mapping=MAPPING)))["result"]["datasets"]["parties"]
    assert (again["unchanged"], again["merged"], again["doubtful"]) == (7, 0, 0)


async def test_every_id_answers_as_the_oldest_record_with_what_all_know(twins: Any) -> None:
    by_alias, by_own = await view(twins, "C2"), await view(twins, "C1")
    assert by_alias.content == by_own.content
    shown = by_own.json()
    assert (shown["customer_id"], shown["opened_on"]) == (str(twins.customer("C1")), "2010-01-01")
    assert (shown["risk_rating"], shown["risk_rated_on"]) == ("C4", "2025-01-01")
    assert [a["source_id"] for a in shown["accounts"]] == ["A1", "A2"]
    assert [(c["granted"], c["since"]) for c in shown["consents"]] == [(False, "2024-01-01")]
    # Either branch keeps the customer, and no other.
    assert (await view(twins, "C1", "teller", "B2")).status_code == 200
    assert (await view(twins, "C3", "teller", "B2")).status_code == 404
    mobile = await twins.get(f"/v1/customers/{twins.customer('C1')}", "mobile", customer=twins.customer("C2"))
    assert mobile.json()["source_id"] == "C1"
    prospect = (await view(twins, "X1")).json()
    assert (prospect["source_id"], prospect["party_kind"]) == ("C5", "person")


async def test_a_search_by_what_one_record_knows_finds_the_customer_once(twins: Any) -> None:
    for query in ("C2", "110105491231002", "A2", "王芳"):
        body = {"query": query, "by": "name"} if query == "王芳" else {"query": query}
        headers = twins._token("teller", "B2")
        items = (await twins.service.client.post("/v1/customers:search", json=body, headers=headers)).json()["items"]
        assert [i["source_id"] for i in items if i["source_id"] != "C4"] == ["C1"], query


async def test_the_lake_knows_customers_and_no_aliases(twins: Any) -> None:
    await twins.finish(await twins.ask(["branches"], mapping=MAPPING))
    lake = twins.service.runtime.lake

    def rows(name: str) -> list[dict[str, Any]]:
        (file,) = lake.files(name, "all")
        return parquet.read_table(file).to_pylist()

    one = str(twins.customer("C1"))
    assert {p["source_id"] for p in rows("parties")} == {"C1", "C3", "C4", "C5", "C6"}
    assert {a["source_id"]: a["customer_id"] == one for a in rows("accounts")} == {"A1": True, "A2": True, "A3": False}
    assert [(r["customer_id"], r["role"]) for r in rows("account_parties")] == [(one, "owner")]
    assert {(c["customer_id"] == one, c["granted"]) for c in rows("consents")} == {(True, False), (False, True)}


# --- decided ---------------------------------------------------------------------------------------------------------


async def test_a_pair_is_decided_once_and_for_good(twins: Any) -> None:
    reviews = await open_reviews(twins)
    both = [(await twins.get(f"/v1/identity-reviews?sort={s}", *STEWARD)).json()["items"] for s in ("oldest", "newest")]
    assert both[0] == both[1][::-1] != both[1]
    same, other = (reviews[frozenset(pair)]["review_id"] for pair in (("C1", "C3"), ("C1", "C4")))
    merged = await post(twins, f"/v1/identity-reviews/{same}:merge", {"reason": "both papers seen"})
    assert (merged.status_code, merged.json()["state"]) == (200, "merged")
    rejected = await post(twins, f"/v1/identity-reviews/{other}:reject", {})
    assert (rejected.json()["state"], rejected.json()["merge_id"]) == ("rejected", None)
    assert await open_reviews(twins) == {}
    assert (await post(twins, f"/v1/identity-reviews/{same}:reject", {})).status_code == 404
    assert await aliases(twins) == {"C2": "C1", "C3": "C1", "X1": "C5"}
    records = (await twins.get(f"/v1/customers/{twins.customer('C2')}/records", "teller", "B1")).json()
    assert [r["source_id"] for r in records["records"]] == ["C1", "C3", "C2"]
    assert sorted((m["how"], m["reason"]) for m in records["merges"]) == [
        ("document", None),
        ("review", "both papers seen"),
    ]
    twins.write(**{"all.csv": FILES["all.csv"].replace("C4,P,王芳", "C4,P,王  芳")})
    await twins.finish(await twins.ask(["parties"], mapping=MAPPING))
    assert await open_reviews(twins) == {}


async def test_a_separation_restores_what_was_and_no_import_joins_them_again(twins: Any) -> None:
    undone = await undo_of(twins, "C1")
    before = await everything(twins)
    assert undone == {"X1": "C5"}
    body = {"first": str(twins.customer("C2")), "second": str(twins.customer("C6")), "reason": "the same person"}
    merge_id = (await post(twins, "/v1/merges", body)).json()["merge_id"]
    assert (await view(twins, "C6")).json()["accounts"][0]["source_id"] == "A2"
    assert (await post(twins, f"/v1/merges/{merge_id}:undo", {"reason": "two persons"})).status_code == 200
    assert await everything(twins) == before
    twins.write(**{"all.csv": FILES["all.csv"].replace("C2,P,王 芳", "C2,P,王芳 ").replace("C1,P,王芳", "C1,P,王  芳")})
    await twins.finish(await twins.ask(["parties"], mapping=MAPPING))
    assert await aliases(twins) == {"X1": "C5"}


async def undo_of(bank: Any, source_id: str) -> dict[str, str]:
    """Undo the one merge behind a customer."""
    records = (await bank.get(f"/v1/customers/{bank.customer(source_id)}/records", *STEWARD)).json()
    (merge,) = records["merges"]
    answered = await post(bank, f"/v1/merges/{merge['merge_id']}:undo", {"reason": "two persons"})
    assert answered.status_code == 200
    return await aliases(bank)


async def test_merging_and_separating_are_told_with_the_states_that_follow(twins: Any) -> None:
    told = "SELECT payload FROM outbox WHERE type NOT LIKE '%import%' ORDER BY seq"
    found = [orjson.loads(row[0]) for row in await twins.rows(told)]
    assert sorted(event["type"] for event in found) == ["customer_360.party.merged.v1"] * 2
    await undo_of(twins, "C1")
    events = [orjson.loads(row[0]) for row in await twins.rows(told)][2:]
    one, two = str(twins.customer("C1")), str(twins.customer("C2"))
    assert [(e["type"], e["subject"]) for e in events[:1]] == [("customer_360.party.unmerged.v1", one)]
    assert events[0]["data"]["alias_id"] == two
    profiles = {e["subject"]: e["data"] for e in events if e["type"] == "customer_360.profile.changed.v1"}
    assert {id_: len(data["accounts"]) for id_, data in profiles.items()} == {one: 1, two: 1}
    audited = await twins.rows("SELECT what, who FROM audit WHERE what LIKE 'party.%' ORDER BY id")
    assert ("party.unmerged", "data_steward-1") in [tuple(row) for row in audited]
    assert not any(secret in str(found) + str(events) for secret in ("王芳", "13800138000", "1949123"[:6] + "31002X"))


# --- taken back ------------------------------------------------------------------------------------------------------


async def test_an_import_taken_back_takes_its_merges_and_questions_with_it(twins: Any) -> None:
    before = await everything(twins)
    more = FILES["all.csv"] + "C7,P,李四,,,E12345678,B1,20240101,,\nC8,P,赵六,19700101,,,B1,20240101,,\n"
    twins.write(**{"all.csv": more})
    result = (await twins.finish(await twins.ask(["parties"], mapping=MAPPING)))["result"]
    assert (result["datasets"]["parties"]["merged"], result["datasets"]["parties"]["doubtful"]) == (1, 1)
    assert (await aliases(twins))["C7"] == "C3"
    undone = await undo(twins, result["import_id"])
    assert (undone["state"], undone["result"]["undone"]) == ("done", True), undone
    assert await aliases(twins) == {"C2": "C1", "X1": "C5"}
    assert len(await open_reviews(twins)) == 2
    assert await everything(twins) == before
    assert await twins.rows("SELECT * FROM identity_key k LEFT JOIN party p USING (customer_id) WHERE p IS NULL") == []


async def test_what_people_have_merged_keeps_an_import_from_being_taken_back(twins: Any) -> None:
    twins.write(**{"all.csv": FILES["all.csv"] + "C8,P,赵六,19700101,,,B1,20240101,,\n"})
    result = (await twins.finish(await twins.ask(["parties"], mapping=MAPPING)))["result"]
    (review,) = [r for pair, r in (await open_reviews(twins)).items() if "C8" in pair]
    await post(twins, f"/v1/identity-reviews/{review['review_id']}:merge", {"reason": "both papers seen"})
    failed = await undo(twins, result["import_id"])
    assert (failed["state"], failed["error"]["code"]) == ("failed", "import_in_use")


# --- the rule --------------------------------------------------------------------------------------------------------

IDS = [UUID(int=n) for n in range(1, 9)]
AGES: dict[UUID, Age] = {
    id_: age(id_, "prospect" if n == 7 else "person", None if n == 6 else date(2000 + n % 3, 1, 1))
    for n, id_ in enumerate(IDS)
}
PAIRS = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)), max_size=12)


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_merges_changes_nothing_and_the_oldest_answers(pairs: list[tuple[UUID, UUID]], rng: Any) -> None:
    answers = answering(AGES, pairs)
    shuffled = [pair[::-1] if rng.random() < 0.5 else pair for pair in rng.sample(pairs, len(pairs))]
    assert answering(AGES, shuffled) == answers
    for first, second in pairs:
        assert answers[first] == answers[second]
    for record, survivor in answers.items():
        assert answers[survivor] == survivor
        assert AGES[survivor] <= AGES[record]
    assert answering(AGES, []) == {id_: id_ for id_ in IDS}


async def test_any_sequence_of_merges_and_separations_leaves_the_aliases_of_the_edges_that_hold(twins: Any) -> None:
    names = ("C1", "C2", "C3", "C4", "C5", "X1", "C6")
    ids = [twins.customer(name) for name in names]
    rng = random.Random(7)
    database = twins.service.everything
    for _ in range(40):
        async with database.transaction() as tx:
            holding = [row[0] for row in await tx.conn.fetch("SELECT merge_id FROM party_merge WHERE holds")]
            try:
                if holding and rng.random() < 0.45:
                    await resolution.undo(tx, rng.choice(sorted(holding)), "test")
                else:
                    await resolution.merge(tx, *rng.sample(ids, 2), "steward", "test")
            except Refusal:
                continue
        rows = await twins.rows("SELECT customer_id, party_kind, opened_on FROM party")
        ages = {r[0]: age(*r) for r in rows}
        edges = [tuple(r) for r in await twins.rows("SELECT first, second FROM party_merge WHERE holds")]
        expected = {k: v for k, v in answering(ages, edges).items() if k != v}
        found = {r[0]: r[1] for r in await twins.rows("SELECT alias_id, customer_id FROM party_alias")}
        assert found == expected
