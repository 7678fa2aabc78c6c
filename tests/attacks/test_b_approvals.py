"""B20: a maker would approve what they proposed, by a second tab, a second token, another role, another spelling."""

from collections.abc import Callable
from uuid import uuid4

from attune_service_kit.testing import StartService

from .conftest import key, service_of

CAMPAIGN = {"version": 1, "control_share": 0.0, "outcome_kinds": ["wealth_purchase"], "window_business_days": 14}
OTHERS_TRICKS = {"X-User-ID": "c-1", "X-Forwarded-User": "c-1", "X-Roles": "approver"}


async def test_b20_a_maker_approves_nothing_of_their_own(
    start_service: StartService, token: Callable[..., dict[str, str]]
) -> None:
    campaign = await start_service(service_of("campaign"), worker=False, arm_secret="b20" * 12, maker_checker="on")
    client, path = campaign.client, "/v1/campaigns/large-deposit"
    tab = token("marketer", subject="m-1")
    proposal = (await client.put(path, json=CAMPAIGN, headers=tab | key())).json()
    approve, body = f"/v1/proposals/campaign/{proposal['id']}:approve", {"sha256": proposal["sha256"]}
    attempts = [
        ("m-1", tab),  # a second tab
        ("m-1", token("marketer", subject="m-1") | OTHERS_TRICKS),  # a second token
        ("m-1", token("approver", subject="m-1")),  # a second role
        ("M-1", token("approver", subject="M-1")),
        ("ｍ-１", token("approver", subject="ｍ-１")),
    ]

    for _, headers in attempts:
        refused = await client.post(approve, json=body, headers=headers | key())
        assert (refused.status_code, refused.json()["code"]) == (403, "own_proposal")

    query = {"what": "proposal.self_approval_refused", "entity_id": proposal["id"]}
    trail = (await client.get("/v1/audit/campaign", params=query, headers=token("auditor"))).json()["items"]
    assert [entry["who"] for entry in trail] == [who for who, _ in attempts][::-1]
    assert (await client.get(path, headers=tab)).json()["version"] == 1
    # Nor by what nobody has proposed: an id, a payload, a decision of one's own making.
    approver = token("approver", subject="c-1")
    unknown = f"/v1/proposals/campaign/{uuid4()}:approve"
    assert (await client.post(unknown, json=body, headers=approver | key())).status_code == 404
    for made_up in ({"sha256": "0" * 64}, body | {"payload": {}}, body | {"decided_by": "c-2"}):
        assert (await client.post(approve, json=made_up, headers=approver | key())).status_code in (409, 422)
    assert (await client.get(path, headers=tab)).json()["version"] == 1
