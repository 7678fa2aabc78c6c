"""Consents over HTTP: who may not, what is refused, and that withdrawing is as easy as giving."""

import asyncio
from typing import Any

import orjson
import pytest

from attune_contracts.customer_360 import ConsentChanged, ProfileChanged
from customer_360.consent_union import unite

YES = {"purpose": "marketing_contact", "granted": True, "notice_version": 1}
NO = {"purpose": "marketing_contact", "granted": False}


async def put(bank: Any, source_id: str, *decisions: dict[str, Any], as_: dict[str, str], **body: Any) -> Any:
    path = f"/v1/customers/{bank.customer(source_id)}/consents"
    return await bank.service.client.put(path, json={"decisions": list(decisions)} | body, headers=as_)


def teller(bank: Any, branch: str = "B1") -> dict[str, str]:
    return bank.writer("teller", branch)  # type: ignore[no-any-return]


def own(bank: Any, source_id: str = "P1") -> dict[str, str]:
    return bank.writer("mobile", customer=bank.customer(source_id))  # type: ignore[no-any-return]


async def told(bank: Any, event: type = ConsentChanged) -> list[Any]:
    rows = await bank.rows("SELECT payload FROM outbox WHERE type = $1 ORDER BY seq", event.TYPE)  # type: ignore[attr-defined]
    return [event.model_validate(orjson.loads(row[0])["data"]) for row in rows]  # type: ignore[attr-defined]


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_who_may_not(imported: Any) -> None:
    assert (await put(imported, "P1", NO, as_={})).status_code == 401
    refused = await put(imported, "P1", NO, as_=imported.writer("marketer"))
    assert (refused.status_code, refused.json()["needs"]) == (403, "consents:write")
    for headers in (teller(imported, "B2"), own(imported, "P3")):
        assert (await put(imported, "P1", NO, as_=headers)).status_code == 404
    path = f"/v1/customers/{imported.customer('P1')}/consents"
    for tail in ("", "/history"):
        assert (await imported.get(path + tail, "teller", "B2")).status_code == 404
    without_key = {k: v for k, v in own(imported).items() if k != "Idempotency-Key"}
    assert (await put(imported, "P1", NO, as_=without_key)).status_code == 400
    assert await told(imported) == []


@pytest.mark.parametrize(
    ("decisions", "status", "code"),
    [
        ([], 422, "invalid"),
        ([NO | {"purpose": "advertising"}], 422, "invalid"),
        ([NO | {"channel": "pigeon"}], 422, "invalid"),
        ([NO | {"granted": None}], 422, "invalid"),
        ([{"purpose": "survey", "channel": "sms", "granted": False}], 422, "consent_not_divisible"),
        ([{"purpose": "survey", "product_kind": "loan", "granted": False}], 422, "consent_not_divisible"),
        ([YES, NO], 422, "consent_said_twice"),
        ([YES | {"notice_version": None}], 422, "notice_needed"),
        ([YES | {"notice_version": 2}], 409, "notice_outdated"),
    ],
)
async def test_what_is_refused(imported: Any, decisions: list[Any], status: int, code: str) -> None:
    response = await put(imported, "P1", *decisions, as_=own(imported))
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["detail"]["zh"]
    assert await told(imported) == []


async def test_staff_who_record_a_consent_say_what_proves_it(imported: Any) -> None:
    refused = await put(imported, "P1", YES, as_=teller(imported))
    assert (refused.status_code, refused.json()["code"]) == (422, "evidence_needed")
    assert (await put(imported, "P1", YES, as_=teller(imported), evidence="form 17")).status_code == 200
    assert (await put(imported, "P1", NO, as_=teller(imported))).status_code == 200


# --- done ------------------------------------------------------------------------------------------------------------


async def test_giving_and_withdrawing_are_one_operation_for_customer_and_staff(imported: Any) -> None:
    given = await put(imported, "P1", YES, as_=own(imported))
    assert (given.status_code, given.json()["version"]) == (200, 2)  # version 1 came with the import
    withdrawn = await put(imported, "P1", NO, as_=own(imported))
    assert withdrawn.json()["version"] == 3
    stands = {c["purpose"]: c for c in withdrawn.json()["consents"]}
    assert {k: stands["marketing_contact"][k] for k in ("granted", "basis", "evidence", "notice_version")} == {
        "granted": False, "basis": "decision", "evidence": "the customer in person", "notice_version": None,
    }  # fmt: skip
    first, second = await told(imported)
    assert (first.version, second.version) == (2, 3)
    assert [(c.purpose, c.channel, c.product_kind, c.granted) for c in second.consents] == [
        ("marketing_contact", None, None, False),
        ("personalised_decision", None, None, True),
    ]
    read = await imported.get(f"/v1/customers/{imported.customer('P1')}/consents", "teller", "B1")
    assert read.json() == withdrawn.json()
    audited = await imported.rows("SELECT who, version FROM audit WHERE what = 'consent.changed' ORDER BY id")
    assert [tuple(r) for r in audited] == [("mobile-1", "2"), ("mobile-1", "3")]


async def test_saying_the_same_again_changes_nothing(imported: Any) -> None:
    headers = own(imported)
    first = await put(imported, "P1", YES, as_=headers)
    repeated = await put(imported, "P1", YES, as_=headers)
    assert (repeated.content, repeated.headers["idempotent-replayed"]) == (first.content, "true")
    again = await put(imported, "P1", YES, as_=own(imported))
    assert again.json() == first.json()
    assert len(await told(imported)) == 1


async def test_a_refusal_covers_what_was_agreed_to_apart(imported: Any) -> None:
    sms, loans = YES | {"channel": "sms"}, YES | {"channel": "sms", "product_kind": "loan"}
    await put(imported, "P1", sms, loans, as_=own(imported))
    stands = (await put(imported, "P1", NO | {"channel": "sms"}, as_=own(imported))).json()["consents"]
    assert {(c["channel"], c["product_kind"]): c["granted"] for c in stands if c["purpose"] == "marketing_contact"} == {
        (None, None): False, ("sms", None): False, ("sms", "loan"): False,
    }  # fmt: skip


async def test_one_step_ends_all_marketing(imported: Any) -> None:
    await put(imported, "P1", YES, YES | {"channel": "push"}, as_=own(imported))
    path = f"/v1/customers/{imported.customer('P1')}/consents:opt-out"
    client = imported.service.client
    assert (await client.post(path, json={}, headers=own(imported, "P3"))).status_code == 404
    done = await client.post(path, json={}, headers=own(imported))
    assert done.status_code == 200, done.text
    marketing = [c for c in done.json()["consents"] if c["purpose"] == "marketing_contact"]
    assert [(c["channel"], c["granted"]) for c in marketing] == [(None, False), ("push", False)]
    assert await told(imported, ProfileChanged) == []
    # The objection of R-22: personalised decisions end with it, and so does personalisation.
    done = await client.post(path, json={"personalisation": True}, headers=own(imported))
    assert not any(c["granted"] for c in done.json()["consents"])
    (profile,) = await told(imported, ProfileChanged)
    assert profile.personalisation is False


async def test_the_ledger_tells_everything_page_by_page(imported: Any) -> None:
    await put(imported, "P1", YES, as_=teller(imported), evidence="form 17")
    await put(imported, "P1", NO, {"purpose": "survey", "granted": False}, as_=own(imported))
    path = f"/v1/customers/{imported.customer('P1')}/consents/history"
    whole = (await imported.get(path, "teller", "B1")).json()
    assert whole["next_cursor"] is None
    assert [(e["version"], e["purpose"], e["granted"], e["source"]) for e in whole["items"]] == [
        (3, "marketing_contact", False, "customer"),
        (3, "survey", False, "customer"),
        (2, "marketing_contact", True, "staff"),
        (1, "marketing_contact", False, "import"),
        (1, "personalised_decision", True, "import"),
    ]
    second = whole["items"][2]
    assert (second["evidence"], second["actor"], second["notice_version"]) == ("form 17", "teller-1", 1)
    oldest = (await imported.get(f"{path}?sort=oldest", "teller", "B1")).json()["items"]
    assert [e["version"] for e in oldest] == [1, 1, 2, 3, 3]
    for sort, wanted in (("newest", whole["items"]), ("oldest", oldest)):
        pages, cursor = [], ""
        while cursor is not None:
            url = f"{path}?limit=2&sort={sort}" + (f"&cursor={cursor}" if cursor else "")
            page = (await imported.get(url, "teller", "B1")).json()
            pages += page["items"]
            cursor = page["next_cursor"]
        assert pages == wanted
    first = (await imported.get(f"{path}?limit=2", "teller", "B1")).json()["next_cursor"]
    for url, subject in ((f"{path}?cursor={first}", "another"), (f"{path}?purpose=survey&cursor={first}", "teller-1")):
        answer = await imported.get(url, "teller", "B1", subject=subject)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
    only = (await imported.get(f"{path}?purpose=survey", "teller", "B1")).json()["items"]
    assert [e["version"] for e in only] == [3]


async def test_parallel_words_each_get_a_version(imported: Any) -> None:
    answers = await asyncio.gather(*(put(imported, "P1", YES if n % 2 else NO, as_=own(imported)) for n in range(6)))
    assert {a.status_code for a in answers} == {200}
    versions = [e.version for e in await told(imported)]
    assert versions == list(range(2, 2 + len(versions)))
    entries = await imported.rows("SELECT version FROM consent_entry WHERE version > 1 ORDER BY version")
    assert [r[0] for r in entries] == versions


async def test_notices_are_published_by_head_office_and_never_change(imported: Any) -> None:
    client, path = imported.service.client, "/v1/consent-notices/marketing_contact"
    body = {"version": 1, "text": {"zh": "第二版", "en": "second version"}}
    refused = await client.put(path, json=body, headers=imported.writer("teller", "B1"))
    assert (refused.status_code, refused.json()["needs"]) == (403, "notices:write")
    done = await client.put(path, json=body, headers=imported.writer("marketer"))
    assert (done.status_code, done.json()["version"], done.json()["current"]) == (200, 2, True)
    stale = await client.put(path, json=body, headers=imported.writer("head_office"))
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "stale_version", 2)
    # What the customer is shown now is what a consent must name.
    outdated = await put(imported, "P1", YES, as_=own(imported))
    assert (outdated.json()["code"], outdated.json()["versions"]) == ("notice_outdated", {"marketing_contact": 2})
    assert (await put(imported, "P1", YES | {"notice_version": 2}, as_=own(imported))).status_code == 200
    current = (await imported.get("/v1/consent-notices", "mobile", customer=imported.customer("P1"))).json()["items"]
    assert [(n["purpose"], n["version"]) for n in current] == [
        ("marketing_contact", 2), ("personalised_decision", 1), ("survey", 1), ("third_party", 1),
    ]  # fmt: skip
    every = "/v1/consent-notices?purpose=marketing_contact&current=false"
    assert [n["version"] for n in (await imported.get(every)).json()["items"]] == [2, 1]
    page = (await imported.get(f"{every}&limit=1")).json()
    assert [
        n["version"] for n in (await imported.get(f"{every}&limit=1&cursor={page['next_cursor']}")).json()["items"]
    ] == [1]
    assert "随时撤回" in (await imported.get(f"{path}/versions/1")).json()["text"]["zh"]
    assert (await imported.get(f"{path}/versions/3")).status_code == 404


async def test_a_customer_of_several_records_speaks_for_all_of_them(imported: Any) -> None:
    one, other = imported.customer("P1"), imported.customer("P4")
    await put(imported, "P4", YES | {"channel": "sms"}, as_=own(imported, "P4"))
    async with imported.service.runtime.database.transaction() as tx:
        await tx.conn.execute("INSERT INTO party_alias (alias_id, customer_id) VALUES ($1, $2)", other, one)
        await unite(tx, [one, other])
    rows = await imported.rows("SELECT customer_id, purpose, channel, granted FROM consent ORDER BY 2, 3")
    stands = {id_: {(r[1], r[2]): r[3] for r in rows if r[0] == id_} for id_ in (one, other)}
    # P1 refused marketing on 2023-01-02, P4 agreed on 2023-01-03: the newest word of the one customer.
    assert stands[one] == stands[other] == {
        ("marketing_contact", "*"): True, ("marketing_contact", "sms"): True, ("personalised_decision", "*"): True,
    }  # fmt: skip
    before = len(await told(imported))
    done = await put(imported, "P4", NO, as_=teller(imported))  # under the old id
    assert done.json()["customer_id"] == str(one)
    assert {c["granted"] for c in done.json()["consents"] if c["purpose"] == "marketing_contact"} == {False}
    events = (await told(imported))[before:]
    assert {e.customer_id for e in events} == {one, other}
    assert not any(c.granted for e in events for c in e.consents if c.purpose == "marketing_contact")
    view = (await imported.get(f"/v1/customers/{one}", "teller", "B1")).json()["consents"]
    assert [(c["purpose"], c["channel"], c["granted"]) for c in view] == [
        ("marketing_contact", None, False), ("marketing_contact", "sms", False), ("personalised_decision", None, True),
    ]  # fmt: skip
    history = (await imported.get(f"/v1/customers/{one}/consents/history?limit=200", "teller", "B1")).json()["items"]
    assert {e["source"] for e in history} == {"customer", "staff", "import", "merge"}
