"""Campaigns, offers, scripts and policies with two persons: who proposes is not who lets it happen."""

from typing import Any

import pytest

from attune_service_kit.testing import RunningService, StartService
from campaign.app import SERVICE

from .conftest import SECRET, Headers, code, key

CAMPAIGN = {
    "version": 1,
    "control_share": 0.5,
    "outcome_kinds": ["wealth_purchase"],
    "window_business_days": 14,
}
OFFER = {"version": 0, "kind": "service", "name": {"zh": "手机银行", "en": "Mobile banking"}}
SCRIPT = {"version": 0, "offer": "mobile-app", "channel": "counter", "text": {"zh": "您好", "en": "Good morning"}}


@pytest.fixture
async def service(start_service: StartService) -> RunningService:
    """Campaign where nobody changes anything alone."""
    return await start_service(SERVICE, worker=False, arm_secret=SECRET, maker_checker="on")


async def test_every_change_waits_for_another_person_and_names_both(service: RunningService, token: Headers) -> None:
    client = service.client
    maker, checker = token("marketer", subject="m-1"), token("approver", subject="c-1")
    handling = (await client.get("/v1/policies/handling", headers=token("relationship_manager", "B1"))).json()
    changes: list[tuple[str, str, Any]] = [
        ("campaign.change", "campaigns/large-deposit", CAMPAIGN),
        ("offer.change", "offers/mobile-app", OFFER),
        ("script.change", "scripts/s-mobile-app", SCRIPT),
        ("policy.contact", "policies/contact", {"version": 1, "policy": {"cool_down_days": 5}}),
        ("policy.handling", "policies/handling", handling),
    ]
    versions = {
        table: f"SELECT max(version), max(created_by) FILTER (WHERE created_by = 'm-1') FROM {table} WHERE {which}"
        for table, which in (("campaign", "code = 'large-deposit'"), ("offer", "code = 'mobile-app'"),
                             ("script", "id = 's-mobile-app'"), ("policy", "kind IN ('contact', 'handling')"))
    }  # fmt: skip
    for kind, path, body in changes:
        proposed = await client.put(f"/v1/{path}", json=body, headers=maker | key())
        proposal = proposed.json()
        assert (proposed.status_code, proposal.get("kind"), proposal.get("state")) == (202, kind, "pending"), proposal
        look = versions[kind.partition(".")[0]]
        before = await service.everything.pool.fetchrow(look)

        approve = f"/v1/proposals/campaign/{proposal['id']}:approve"
        approved = await client.post(approve, json={"sha256": proposal["sha256"]}, headers=checker | key())

        assert approved.status_code == 200, approved.text
        after = await service.everything.pool.fetchrow(look)
        if kind != "policy.handling":  # the contact policy's version before it is the same
            assert (after[0] or 0) > (before[0] or 0)
        assert after[1] == "m-1"
    trail = await service.everything.pool.fetch(
        "SELECT who, detail ->> 'approved_by' AS by FROM audit WHERE what LIKE '%.changed'"
    )
    assert [tuple(row) for row in trail] == [("m-1", "c-1")] * 5


async def test_what_no_longer_fits_when_it_is_approved_is_refused_as_the_change_itself(
    service: RunningService, token: Headers
) -> None:
    client = service.client
    maker, checker = token("marketer", subject="m-1"), token("approver", subject="c-1")
    put = "/v1/campaigns/large-deposit"
    finer = await client.put(put, json=CAMPAIGN | {"control_share": 0.12345}, headers=maker | key())
    stale = await client.put(put, json=CAMPAIGN | {"version": 7}, headers=maker | key())
    assert [code(finer), code(stale)] == [(422, "invalid"), (409, "stale_version")]
    assert await service.everything.pool.fetchval("SELECT count(*) FROM proposal") == 0
    made = [
        (await client.put(f"/v1/offers/{name}", json=OFFER, headers=maker | key())).json() for name in ("one", "two")
    ]
    for proposal in made:  # two offers wait side by side, and make two catalogues
        approve = f"/v1/proposals/campaign/{proposal['id']}:approve"
        answer = await client.post(approve, json={"sha256": proposal["sha256"]}, headers=checker | key())
        assert answer.status_code == 200
    assert await service.everything.pool.fetchval("SELECT max(version) FROM catalogue") == 3
    script = SCRIPT | {"offer": "one"}
    rivals = [
        (await client.put(f"/v1/scripts/{name}", json=script, headers=maker | key())).json() for name in ("s-1", "s-2")
    ]
    answers = []
    for proposal in rivals:
        approve = f"/v1/proposals/campaign/{proposal['id']}:approve"
        answers.append(await client.post(approve, json={"sha256": proposal["sha256"]}, headers=checker | key()))
    assert [answer.status_code for answer in answers] == [200, 409]
    assert (answers[1].json()["code"], answers[1].json()["cause"]) == ("change_refused", "script_exists")
