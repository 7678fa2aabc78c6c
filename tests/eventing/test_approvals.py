"""Triggers with two persons: a change waits, whoever proposes it cannot let it happen."""

from collections.abc import Callable
from uuid import uuid4

from attune_service_kit.testing import StartService
from eventing.app import SERVICE

PATH = "/v1/triggers/large-deposit"


async def test_a_trigger_is_changed_and_paused_by_two_persons(
    start_service: StartService, token: Callable[..., dict[str, str]]
) -> None:
    service = await start_service(SERVICE, worker=False, maker_checker="on")
    client = service.client

    def as_(role: str, subject: str) -> dict[str, str]:
        return token(role, subject=subject) | {"Idempotency-Key": uuid4().hex}

    before = (await client.get(PATH, headers=as_("approver", "c-1"))).json()
    paused = await client.put(PATH, json={"enabled": False, "cooldown_days": 7}, headers=as_("operator", "m-1"))
    proposal = paused.json()
    approve, body = f"/v1/proposals/eventing/{proposal['id']}:approve", {"sha256": proposal["sha256"]}
    own = await client.post(approve, json=body, headers=as_("approver", "M-1"))

    assert (paused.status_code, proposal["kind"], proposal["base"]) == (202, "trigger.change", "1")
    assert (own.status_code, own.json()["code"]) == (403, "own_proposal")
    assert (await client.get(PATH, headers=as_("approver", "c-1"))).json() == before

    assert (await client.post(approve, json=body, headers=as_("approver", "c-1"))).status_code == 200
    after = (await client.get(PATH, headers=as_("approver", "c-1"))).json()
    assert (after["version"], after["enabled"], after["cooldown_days"], after["created_by"]) == (2, False, 7, "m-1")
    row = await service.everything.pool.fetchrow(
        "SELECT who, detail ->> 'approved_by' FROM audit WHERE what = 'trigger.changed'"
    )
    assert tuple(row) == ("m-1", "c-1")
    unknown = await client.put("/v1/triggers/none", json={"enabled": True}, headers=as_("operator", "m-1"))
    assert unknown.status_code == 404
