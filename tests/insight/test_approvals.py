"""The value quadrant's parameters with two persons."""

from collections.abc import Callable
from uuid import uuid4

from attune_service_kit.testing import StartService
from insight.app import SERVICE

PATH = "/v1/parameters/value-quadrant"


async def test_parameters_are_changed_by_two_persons(
    start_service: StartService, token: Callable[..., dict[str, str]]
) -> None:
    client = (await start_service(SERVICE, worker=False, maker_checker="on")).client

    def as_(role: str, subject: str) -> dict[str, str]:
        return token(role, subject=subject) | {"Idempotency-Key": uuid4().hex}

    proposed = await client.put(PATH, json={"active_days": 200, "based_on": 1}, headers=as_("head_office", "h-1"))
    proposal = proposed.json()
    # What was left out takes its default: the approver reads every number.
    assert (proposed.status_code, proposal["base"], proposal["payload"]["current_quantile"]) == (202, "1", 0.7)
    assert (await client.get(PATH, headers=as_("approver", "c-1"))).json()["version"] == 1

    approve, body = f"/v1/proposals/insight/{proposal['id']}:approve", {"sha256": proposal["sha256"]}
    refused = [
        (await client.post(approve, json=body, headers=as_(role, subject))).json()["code"]
        for role, subject in (("approver", "h-1"), ("model_admin", "a-1"))
    ]
    approved = await client.post(approve, json=body, headers=as_("approver", "c-1"))

    assert (refused, approved.status_code) == (["own_proposal", "forbidden"], 200)
    now = (await client.get(PATH, headers=as_("approver", "c-1"))).json()
    assert (now["version"], now["made_by"], now["parameters"]["active_days"]) == (2, "h-1", 200)
