"""Explanations over HTTP: who may read which text, and that reading changes nothing."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from attune_service_kit.testing import RunningService

from .conftest import NOW, SERVICE, Headers, code, deposit, nba, person, pick


@pytest.fixture
async def customer(service: RunningService) -> UUID:
    """A treated customer with a large deposit and a score."""
    (found,) = await pick(service, "treated")
    await deposit(service, found, quadrant="B")
    await service.everything.pool.execute(
        "INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.31, $2)", found, NOW
    )
    return found


async def explain(service: RunningService, headers: dict[str, str], decision: str, audience: str) -> httpx.Response:
    path = f"/v1/decisions/{decision}/explanation"
    return await service.client.get(path, params={"for": audience}, headers=headers)


async def content(service: RunningService) -> dict[str, Any]:
    """Every row of every table, as one hash a table."""
    pool = service.everything.pool
    query = "SELECT count(*) || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
    return {table: await pool.fetchval(query.format(table)) for table in SERVICE.metadata.tables}


async def test_three_texts_of_one_decision(service: RunningService, token: Headers, customer: UUID) -> None:
    teller, mobile = token("teller", "B1"), token("mobile", customer=customer)
    decision = (await nba(service, teller, customer))["decision_id"]

    staff = (await explain(service, teller, decision, "staff")).json()
    assert (staff["audience"], staff["channel"], staff["personalised"]) == ("staff", "counter", True)
    assert [p["offer"] for p in staff["proposed"]] == ["wealth-steady-6m", "time-deposit-12m"]
    assert [n["rule"] for n in staff["not_proposed"]] == ["suitability"]
    assert "risk rating C4" in staff["not_proposed"][0]["lifted_by"]["en"]

    for reader in (teller, mobile):
        mine = (await explain(service, reader, decision, "customer")).json()
        assert [p["rank"] for p in mine["proposed"]] == [1, 2]
        assert "interest_estimate" in {d["code"] for d in mine["data_used"]}
        assert [w["code"] for w in mine["objection"]["ways"]] == [
            "switch_off_personalisation",
            "refuse_contacts",
            "ask_a_person",
        ]
        assert "0.31" not in str(mine)

    audit = (await explain(service, token("auditor"), decision, "auditor")).json()
    assert (audit["replayed"], audit["arm"]) == (True, {"held_out": False, "by": None})
    assert audit["versions"] == {
        "rules": 1,
        "catalogue": 1,
        "contact_policy": 1,
        "models": [{"name": "propensity-purchase", "version": 7}],
    }
    first = audit["ranking"][0]
    assert first["priority"] == pytest.approx(0.31 * 1.3 * 32_000)
    assert (first["propensity"], first["weight"], first["value"]["amount"], first["trigger"]) == (
        0.31,
        1.3,
        "320.00",
        "large-deposit",
    )
    assert audit["inputs"]["decision_id"] == decision
    assert {c["effect"] for c in audit["counterfactuals"]} == {"first", "lifted"}


async def test_who_may_read_which_text(service: RunningService, token: Headers, customer: UUID) -> None:
    teller, mobile = token("teller", "B1"), token("mobile", customer=customer)
    decision = (await nba(service, teller, customer))["decision_id"]
    assert code(await explain(service, teller, decision, "auditor")) == (403, "forbidden")
    assert code(await explain(service, mobile, decision, "staff")) == (403, "forbidden")
    assert code(await explain(service, mobile, decision, "auditor")) == (403, "forbidden")
    assert code(await explain(service, teller, decision, "everybody")) == (422, "invalid")
    assert code(await explain(service, {}, decision, "staff")) == (401, "unauthenticated")
    assert code(await explain(service, token("operator"), decision, "staff")) == (403, "forbidden")
    stranger = token("mobile", customer=person(4998))
    assert code(await explain(service, stranger, decision, "customer")) == (404, "not_found")
    assert code(await explain(service, token("teller", "B2"), decision, "staff")) == (404, "not_found")
    # What staff were told is not shown to the customer as it was; their own decision is.
    client = service.client
    assert code(await client.get(f"/v1/decisions/{decision}", headers=mobile)) == (404, "not_found")
    own = await nba(service, mobile, customer, "mobile")
    assert (own["customer_type"], own["actions"][0]["value"]) == (None, None)
    assert (await client.get(f"/v1/decisions/{own['decision_id']}", headers=mobile)).json()["result"] == own


async def test_reading_an_explanation_changes_nothing(service: RunningService, token: Headers, customer: UUID) -> None:
    teller, auditor = token("teller", "B1"), token("auditor")
    told = await nba(service, teller, customer)
    before = await content(service)
    texts = []
    for _ in range(2):
        for audience in ("staff", "customer", "auditor"):
            texts.append((await explain(service, auditor, told["decision_id"], audience)).json())
        for offer in ("time-deposit-12m", "equity-fund-growth"):
            answer = await service.client.get(
                f"/v1/customers/{customer}/offers/{offer}/why", params={"channel": "counter"}, headers=teller
            )
            texts.append(answer.json())
    assert texts[:5] == texts[5:]
    assert await content(service) == before
    again = await nba(service, teller, customer)
    assert {k: v for k, v in again.items() if k != "decision_id"} == {
        k: v for k, v in told.items() if k != "decision_id"
    }


async def test_the_arm_is_told_to_auditors_only(service: RunningService, token: Headers) -> None:
    (held_out,), (universal,) = await pick(service, "control"), await pick(service, "universal")
    for customer, by in ((held_out, "large-deposit"), (universal, "universal")):
        await deposit(service, customer)
        decision = (await nba(service, token("teller", "B1"), customer))["decision_id"]
        for audience in ("staff", "customer"):
            told = await explain(service, token("teller", "B1"), decision, audience)
            assert told.json()["proposed"] == []
            for word in (b"held_out", b"held out", b"holdout", b"control", b"universal", b'arm"'):
                assert word not in told.content
        audit = (await explain(service, token("auditor"), decision, "auditor")).json()
        assert audit["arm"] == {"held_out": True, "by": by}
        assert [p["shown"] for p in audit["ranking"]] == [False, False]


async def test_why_an_offer_is_or_is_not_proposed_now(service: RunningService, token: Headers, customer: UUID) -> None:
    async def ask(headers: dict[str, str], offer: str, **params: Any) -> httpx.Response:
        path = f"/v1/customers/{customer}/offers/{offer}/why"
        return await service.client.get(path, params={"channel": "counter"} | params, headers=headers)

    teller, mobile = token("teller", "B1"), token("mobile", customer=customer)
    wealth = (await ask(teller, "wealth-steady-6m")).json()
    assert (wealth["outcome"], wealth["rank"], wealth["rule"]) == ("proposed", 1, None)
    fund = (await ask(teller, "equity-fund-growth")).json()
    assert (fund["outcome"], fund["rule"]) == ("not_proposed", "suitability")
    assert fund["text"]["en"] == "product R4 is above the customer's C3 (rated 2025-11-02)"
    assert (await ask(teller, "time-deposit-12m", limit=1)).json()["rule"] == "rank"
    assert (
        (await ask(mobile, "equity-fund-growth")).json()["text"]["en"].startswith("the product's risk is R4, and you")
    )
    assert code(await ask(teller, "no-such-offer")) == (404, "not_found")
    assert code(await ask(token("mobile", customer=person(1)), "time-deposit-12m")) == (404, "not_found")
    assert code(await ask(token("operator"), "time-deposit-12m")) == (403, "forbidden")
    assert await service.everything.pool.fetchval("SELECT count(*) FROM decision") == 0
