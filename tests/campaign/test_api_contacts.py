"""Contacts and suppressions over HTTP: refused ones first."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from attune_contracts.identifiers import customer_id
from attune_service_kit.testing import RunningService

from .conftest import NOW, Headers, add_customer, code, deposit, key, nba, person, pick

OUTBOUND = ("call_centre", "relationship_manager", "sms", "push")


async def bank(service: RunningService) -> None:
    """P1 and P2 live together in branches B1 and B2, P3 alone in B2."""
    pool = service.everything.pool
    for number, branch in ((1, "B1"), (2, "B2"), (3, "B2")):
        await add_customer(pool, person(number), branch=branch)
    await pool.execute("UPDATE proj_party SET household_id = 'H1' WHERE customer_id <> $1", person(3))


async def put_policy(service: RunningService, headers: dict[str, str], version: int, **policy: Any) -> Any:
    body = {"version": version, "policy": policy}
    answer = await service.client.put("/v1/policies/contact", json=body, headers=headers | key())
    assert answer.status_code == 200, answer.text
    return answer.json()


async def reserve(service: RunningService, headers: dict[str, str], customer: UUID, **changes: Any) -> Any:
    body = {"customer_id": str(customer), "channel": "sms", "message_class": "marketing"} | changes
    return await service.client.post("/v1/contacts", json=body, headers=headers | key())


async def suppress(service: RunningService, headers: dict[str, str], **body: Any) -> Any:
    terms = {"until": "permanent", "reason": "asked", "source": "opt_out"} | body
    return await service.client.post("/v1/suppressions", json=terms, headers=headers | key())


async def contactable(service: RunningService, headers: dict[str, str], customer: UUID, **query: str) -> dict[str, Any]:
    answer = await service.client.get(f"/v1/customers/{customer}/contactability", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return {c["channel"]: c for c in answer.json()["channels"]}


async def test_strangers_are_unknown(service: RunningService, token: Headers) -> None:
    await bank(service)
    teller, sender = token("teller", "B1"), token("operator")
    foreign = f"/v1/customers/{person(3)}/contactability"
    assert code(await service.client.get(foreign, headers=teller)) == (404, "not_found")
    assert code(await suppress(service, teller, customer_id=str(person(3)))) == (404, "not_found")
    assert code(await suppress(service, teller, account_id=str(uuid4()))) == (404, "not_found")
    assert code(await reserve(service, teller, person(1))) == (403, "forbidden")
    assert code(await reserve(service, sender, uuid4())) == (404, "not_found")


WRONG: tuple[dict[str, Any], ...] = (
    {"until": None},
    {"until": 0},
    {"until": ""},
    {"until": "2026-03-01T00:00:00Z"},  # past
    {"until": "2026-05-01T00:00:00"},  # no zone
    {"customer_id": None},
    {"household_id": "H1"},  # two subjects
    {"source": "somebody"},
    {"reason": "Call me Ishmael"},
)


async def test_a_suppression_needs_an_end_or_the_word_and_one_subject(service: RunningService, token: Headers) -> None:
    await bank(service)
    teller = token("teller", "B1")
    for wrong in WRONG:
        refused = await suppress(service, teller, **{"customer_id": str(person(1))} | wrong)
        assert code(refused) == (422, "invalid"), wrong
    endless = {"customer_id": str(person(1)), "reason": "asked", "source": "opt_out"}
    assert code(await service.client.post("/v1/suppressions", json=endless, headers=teller | key()))[0] == 422
    assert await service.everything.pool.fetchval("SELECT count(*) FROM suppression") == 0


async def test_not_set_zero_and_n_stay_three_values_over_the_api(service: RunningService, token: Headers) -> None:
    await bank(service)
    marketer, sender = token("marketer"), token("operator")
    for version, (limit, granted) in enumerate(((None, True), (0, False), (1, True)), 1):
        cap = {"level": "household", "channel": "sms", "days": 7} | ({} if limit is None else {"limit": limit})
        rest = {"level": "account", "channel": None, "days": limit}
        told = await put_policy(service, marketer, version, caps=[cap], cool_downs=[rest], cool_down_days=limit)
        kept = (await service.client.get("/v1/policies/contact", headers=marketer)).json()
        assert kept == told
        assert [c["limit"] for c in kept["policy"]["caps"]] == [limit]
        assert [c["days"] for c in kept["policy"]["cool_downs"]] == [limit]
        assert kept["policy"]["cool_down_days"] == limit
        # P2 of the same household, in another branch; the reservation before it was of P1.
        answer = await reserve(service, sender, person(1 if limit is None else 2), channel="sms")
        wanted = 201 if granted and limit is None else 409
        assert answer.status_code == wanted, (limit, answer.text)


async def test_hold_confirm_release(service: RunningService, token: Headers) -> None:
    await bank(service)
    sender, client, pool = token("operator"), service.client, service.everything.pool
    await put_policy(service, token("marketer"), 1, caps=[{"level": "household", "limit": 1, "days": 7}])
    held = (await reserve(service, sender, person(1))).json()
    assert (held["state"], held["message_class"]) == ("reserved", "marketing")
    refused = await reserve(service, sender, person(2))
    assert (*code(refused), refused.json()["reason"]) == (409, "contact_refused", "frequency_cap")
    for exempt in ("service", "legal"):
        assert (await reserve(service, sender, person(2), message_class=exempt)).status_code == 201
    assert code(await reserve(service, sender, person(2), message_class="Marketing")) == (422, "invalid")
    released = await client.post(f"/v1/contacts/{held['id']}:release", headers=sender | key())
    assert released.json()["state"] == "released"
    second = (await reserve(service, sender, person(2))).json()
    path = f"/v1/contacts/{second['id']}"
    made = await client.post(f"{path}:confirm", json={"disposition": "delivered"}, headers=sender | key())
    assert (made.json()["state"], made.json()["hold_until"]) == ("confirmed", None)
    assert code(await client.post(f"{path}:release", headers=sender | key())) == (409, "contact_made")
    again = await client.post(f"{path}:confirm", json={"disposition": "delivered"}, headers=sender | key())
    assert again.json() == made.json()
    assert await pool.fetchval("SELECT count(*) FROM outbox WHERE type = 'campaign.contact.made.v1'") == 1
    listed = (await client.get("/v1/contacts", params={"state": "confirmed"}, headers=sender)).json()["items"]
    assert [c["id"] for c in listed] == [second["id"]]
    both = [(await client.get("/v1/contacts", params={"sort": s}, headers=sender)).json() for s in ("oldest", "newest")]
    assert [c["id"] for c in both[0]["items"]] == [c["id"] for c in both[1]["items"]][::-1]
    assert both[1]["items"][0]["id"] == second["id"]
    audited = [r[0] for r in await pool.fetch("SELECT what FROM audit WHERE entity = 'contact' ORDER BY id")]
    assert audited == ["contact.reserved"] * 3 + ["contact.released", "contact.reserved", "contact.confirmed"]


async def test_marketing_needs_consent_and_service_does_not(service: RunningService, token: Headers) -> None:
    await bank(service)
    await service.everything.pool.execute("UPDATE proj_consent SET granted = false")
    sender = token("operator")
    refused = await reserve(service, sender, person(1))
    assert refused.json()["reason"] == "no_consent"
    assert (await reserve(service, sender, person(1), message_class="service")).status_code == 201
    told = await contactable(service, token("teller", "B1"), person(1))
    assert {told[c]["reason"]["code"] for c in OUTBOUND} == {"no_consent"}
    exempt = await contactable(service, token("teller", "B1"), person(1), message_class="legal")
    assert all(c["allowed"] for c in exempt.values())


async def test_r05_who_is_under_fourteen_is_marketed_to_by_nobody(service: RunningService, token: Headers) -> None:
    await bank(service)
    await service.everything.pool.execute("UPDATE proj_party SET birth_date = '2013-01-01'")
    assert (await reserve(service, token("operator"), person(1))).json()["reason"] == "no_consent"
    assert (await reserve(service, token("operator"), person(1), message_class="service")).status_code == 201
    told = await contactable(service, token("teller", "B1"), person(1))
    assert {(c["allowed"], c["reason"]["code"]) for c in told.values()} == {(False, "no_consent")}
    exempt = await contactable(service, token("teller", "B1"), person(1), message_class="legal")
    assert all(c["allowed"] for c in exempt.values())


async def test_a_suppression_binds_at_once_gives_back_what_is_held_and_is_lifted(
    service: RunningService, token: Headers
) -> None:
    await bank(service)
    teller, manager, sender = token("teller", "B1"), token("branch_manager", "B1"), token("operator")
    pool, client = service.everything.pool, service.client
    for number in (1, 2):
        await reserve(service, sender, person(number))
        await reserve(service, sender, person(number), channel="push")
        await reserve(service, sender, person(number), message_class="service")
    # A teller of B1 speaks for the household of P1: it protects P2 of B2 as well.
    kept = await suppress(service, teller, household_id="H1", channel="sms", source="complaint")
    assert kept.status_code == 201, kept.text
    assert {k: kept.json()[k] for k in ("level", "household_id", "customer_id", "until", "channel")} == {
        "level": "household",
        "household_id": "H1",
        "customer_id": None,
        "until": "permanent",
        "channel": "sms",
    }
    states = await pool.fetch("SELECT channel, message_class, state, count(*)::int FROM contact GROUP BY 1, 2, 3")
    assert {tuple(r) for r in states} == {
        ("sms", "marketing", "released", 2),
        ("push", "marketing", "reserved", 2),
        ("sms", "service", "reserved", 2),
    }
    for number in (1, 2):
        assert (await reserve(service, sender, person(number))).json()["reason"] == "do_not_contact"
    told = await contactable(service, teller, person(1))
    assert (told["sms"]["reason"]["code"], told["sms"]["reason"]["level"]) == ("do_not_contact", "household")
    assert told["sms"]["free_from"] is None
    listed = (await client.get("/v1/suppressions", params={"customer_id": str(person(1))}, headers=teller)).json()
    assert [s["id"] for s in listed["items"]] == [kept.json()["id"]]
    every = [
        (await client.get("/v1/suppressions", params={"sort": s}, headers=manager)).json() for s in ("oldest", "newest")
    ]
    assert every[0]["items"] == every[1]["items"][::-1] != []
    path = f"/v1/suppressions/{kept.json()['id']}:lift"
    assert code(await client.post(path, json={"reason": "mistake"}, headers=teller | key())) == (403, "forbidden")
    other = token("branch_manager", "B2")
    assert code(await client.post(path, json={"reason": "mistake"}, headers=other | key())) == (404, "not_found")
    lifted = await client.post(path, json={"reason": "mistake"}, headers=manager | key())
    assert (lifted.json()["lift_reason"], lifted.json()["lifted_by"]) == ("mistake", "branch_manager-1")
    again = await client.post(path, json={"reason": "mistake"}, headers=manager | key())
    assert code(again) == (409, "suppression_lifted")
    assert (await reserve(service, sender, person(2), channel="call_centre")).status_code == 201
    audited = [r[0] for r in await pool.fetch("SELECT what FROM audit WHERE entity = 'suppression' ORDER BY id")]
    assert audited == ["suppression.added", "suppression.lifted"]


async def test_a_reservation_and_a_suppression_at_once_never_both_stand(
    service: RunningService, token: Headers
) -> None:
    people, sender, pool = [person(n) for n in range(10, 40)], token("operator"), service.everything.pool
    for customer in people:
        await add_customer(pool, customer)
    asked = [reserve(service, sender, c) for c in people] + [
        suppress(service, sender, customer_id=str(c)) for c in people
    ]
    random.Random(3).shuffle(asked)
    for start in range(0, len(asked), 4):
        await asyncio.gather(*asked[start : start + 4])
    assert await pool.fetchval("SELECT count(*) FROM suppression") == len(people)
    states = dict(await pool.fetch("SELECT state, count(*)::int FROM contact GROUP BY 1"))
    assert set(states) == {"released"}


async def test_from_when_each_channel_is_free(service: RunningService, token: Headers) -> None:
    await bank(service)
    teller, sender = token("teller", "B1"), token("operator")
    await put_policy(
        service,
        token("marketer"),
        1,
        caps=[{"channel": "sms", "limit": 1, "days": 7}],
        cool_downs=[{"channel": "push", "level": "household", "days": 2}],
        quiet_hours={"channels": ["call_centre"], "start": "12:00", "end": "18:30"},
    )
    await suppress(
        service, teller, customer_id=str(person(1)), channel="relationship_manager", until="2026-04-01T00:00:00Z"
    )
    await reserve(service, sender, person(1))
    await reserve(service, sender, person(2), channel="push")
    told = await contactable(service, teller, person(1))
    assert {c: (t["reason"] and (t["reason"]["code"], t["reason"]["level"])) for c, t in told.items()} == {
        "counter": None,
        "mobile": None,
        "call_centre": ("quiet_hours", None),
        "relationship_manager": ("do_not_contact", "customer"),
        "sms": ("frequency_cap", "customer"),
        "push": ("cool_down", "household"),
    }
    assert {c: datetime.fromisoformat(told[c]["free_from"]) for c in OUTBOUND} == {
        "call_centre": datetime.fromisoformat("2026-03-17T18:30:00+08:00"),
        "relationship_manager": datetime.fromisoformat("2026-04-01T00:00:00Z"),
        "sms": NOW + timedelta(days=7),
        "push": NOW + timedelta(days=2),
    }
    told = await nba(service, token("relationship_manager", "B1"), person(1), "relationship_manager")
    assert {w["rule"] for w in told["withheld"]} >= {"contact_policy"}


async def test_a_do_not_contact_list(service: RunningService, token: Headers) -> None:
    await bank(service)
    operator, client, pool = token("operator"), service.client, service.everything.pool
    ids = [f"P{n}" for n in range(9_000)] + ["", "P7"]
    body = {
        "list_name": "national-2026-03",
        "source_system": "tests",
        "ids": ids,
        "channel": "call_centre",
        "until": "2027-03-01T00:00:00Z",
        "reason": "registered",
        "source": "do_not_contact_list",
    }
    path = "/v1/suppressions:import"
    assert code(await client.post(path, json=body, headers=token("branch_manager", "B1") | key())) == (403, "forbidden")
    told = (await client.post(path, json=body, headers=operator | key())).json()
    assert {k: told[k] for k in ("read", "added", "unchanged", "rejected")} == {
        "read": 9_002,
        "added": 9_000,
        "unchanged": 0,
        "rejected": 2,
    }
    assert told["rejects"] == [{"row": 9_001, "code": "empty"}, {"row": 9_002, "code": "repeated"}]
    again = (await client.post(path, json=body, headers=operator | key())).json()
    assert (again["added"], again["unchanged"]) == (0, 9_000)
    longer = (
        await client.post(path, json=body | {"until": "permanent", "ids": ["P1"]}, headers=operator | key())
    ).json()
    assert longer["added"] == 1
    own = body | {"source_system": None, "ids": [str(customer_id("tests", "P9001")), "P9002"]}
    told = (await client.post(path, json=own, headers=operator | key())).json()
    assert (told["added"], told["rejects"]) == (1, [{"row": 2, "code": "not_an_id"}])
    refused = await reserve(service, operator, person(2), channel="call_centre")
    assert refused.json()["reason"] == "do_not_contact"
    # Who becomes a customer later is protected from the first day on.
    await add_customer(pool, person(4_000), branch="B1")
    late = await reserve(service, operator, person(4_000), channel="call_centre")
    assert late.json()["reason"] == "do_not_contact"
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE what = 'suppression.list_taken_in'") == 4
    large = body | {"ids": [f"Q{n}" for n in range(10_001)]}
    assert code(await client.post(path, json=large, headers=operator | key())) == (422, "invalid")


async def test_a_suppressed_customers_task_is_not_claimed(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    await suppress(service, token("teller", "B1"), customer_id=str(customer))
    queue, client = token("call_centre"), service.client
    (task,) = (await client.get("/v1/tasks", headers=queue)).json()["items"]
    claimed = await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    assert (*code(claimed), claimed.json()["reason"]) == (409, "contact_refused", "do_not_contact")
