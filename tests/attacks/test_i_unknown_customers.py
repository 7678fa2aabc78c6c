"""I70: events about customers whom a service does not know stop nothing, and make nobody known.

Every event that the contracts show as an example is told to all services at once, while none of them knows any
customer; those that point to a partition of the lake are not about anybody and are left out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from attune_contracts.envelope import Envelope, nats_subject_of
from attune_contracts.schemas import FOLDER
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Broker, Message
from attune_service_kit.nats_rights import LEDGER_USER
from attune_service_kit.streams import stream_of
from attune_service_kit.testing import StartService, eventually
from attune_service_kit.testing_credentials import nats_seed

from .conftest import SERVICES, service_of

# By whose word a customer becomes known.
MAKES_KNOWN = "customer_360.profile.changed.v1"

Token = Callable[..., dict[str, str]]


def told() -> list[dict[str, Any]]:
    """The examples that are about somebody."""
    files = sorted(Path(FOLDER.with_name("examples")).rglob("*.json"))
    events = [json.loads(file.read_text("utf-8")) for file in files]
    return [e for e in events if e["data"].get("customer_id") and e["type"] != MAKES_KNOWN]


async def publish(url: str, events: list[dict[str, Any]]) -> None:
    """Say them as their producers do."""
    for user in sorted({e["type"].split(".")[0] for e in events}):
        name = LEDGER_USER if user == "ledger" else user
        broker = Broker(url, user=name, seed=nats_seed(name), name=f"test as {name}")
        await broker.start()
        await broker.ready()
        for event in (e for e in events if e["type"].split(".")[0] == user):
            parsed = Envelope.model_validate(event)
            subject, stream = nats_subject_of(parsed), stream_of(parsed.type)
            await broker.publish(Message(subject, json.dumps(event).encode(), str(parsed.id), stream))
        await broker.stop()


async def test_i70_who_is_not_known_stops_nothing_and_does_not_become_known(
    start_service: StartService, streams: EmbeddedNats, token: Token
) -> None:
    running = {name: await start_service(service_of(name)) for name in SERVICES}
    events = told()
    assert len({e["type"] for e in events}) > 12
    operator, office = token("operator"), token("head_office")

    async def settled() -> bool:
        for name, service in running.items():
            status = (await service.client.get(f"/v1/status/{name}", headers=operator)).json()
            if not status["consumers"] or status["outbox_pending"] or any(c["pending"] for c in status["consumers"]):
                return False
        return True

    await eventually(settled, 60, what="all partitions taken up")
    await publish(streams.url, events)
    calm = 0
    while calm < 2:  # what one service says of it, another hears
        await eventually(settled, 60, what="everything heard")
        calm = calm + 1 if await settled() else 0
    for name, service in running.items():
        held = await service.everything.pool.fetch("SELECT type, error FROM quarantine")
        assert [tuple(row) for row in held] == [], name
        heard = await service.everything.pool.fetchval("SELECT count(*) FROM inbox")
        assert heard or name == "insight", name
    client = running["customer_360"].client
    for customer in {e["data"]["customer_id"] for e in events}:
        for path in ("", "/timeline", "/consents", "/details"):
            known = await client.get(f"/v1/customers/{customer}{path}", headers=office)
            nobody = await client.get(f"/v1/customers/{uuid4()}{path}", headers=office)
            assert (known.status_code, known.json()["detail"]) == (404, nobody.json()["detail"]), path
    tasks = (await running["campaign"].client.get("/v1/tasks", headers=token("call_centre", "HQ"))).json()
    assert tasks["items"] == []
