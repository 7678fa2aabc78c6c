"""I71, P-40: events that nearly fit are set aside or applied, by every service, and what comes after them is applied.

Each example of the contracts, each of its fields missing, of another type, or beyond all bounds.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from attune_contracts.envelope import nats_subject
from attune_contracts.schemas import FOLDER
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Broker, Message
from attune_service_kit.nats_rights import LEDGER_USER
from attune_service_kit.streams import stream_of
from attune_service_kit.testing import StartService, eventually
from attune_service_kit.testing_credentials import nats_seed

from .conftest import SERVICES, service_of

Token = Callable[..., dict[str, str]]

MARK = "planted-9f3c"
WRONG: tuple[Any, ...] = (None, 2**63, -1, MARK, [[MARK]], {"a": MARK}, MARK * 3_000)
KNOWN = "customer_360.profile.changed.v1"


def examples() -> Iterator[dict[str, Any]]:
    """The newest example of every type."""
    for folder in sorted(Path(FOLDER.with_name("examples")).iterdir()):
        yield json.loads(sorted(folder.glob("*.json"))[-1].read_text("utf-8"))


def broken(event: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """The event with one field of its envelope or data gone, and with one that is wrong."""
    for at, name in enumerate(event["data"]):
        yield event | {"data": {key: value for key, value in event["data"].items() if key != name}}
        yield event | {"data": event["data"] | {name: WRONG[(number + at) % len(WRONG)]}}
    for at, name in enumerate(("subject", "time", "source", "specversion", "data", "traceparent")):
        yield {key: value for key, value in event.items() if key != name}
        yield event | {name: WRONG[(number + at) % len(WRONG)]}
    yield event | {"data": event["data"] | {"more": MARK}, "more": MARK}


async def publish(url: str, events: list[dict[str, Any]]) -> None:
    """Say them as their producers do, each to partition 3."""
    for user in sorted({e["type"].split(".")[0] for e in events}):
        name = LEDGER_USER if user == "ledger" else user
        broker = Broker(url, user=name, seed=nats_seed(name), name=f"test as {name}")
        await broker.start()
        await broker.ready()
        for event in (e for e in events if e["type"].split(".")[0] == user):
            id_ = str(uuid4())
            body, subject = json.dumps(event | {"id": id_}).encode(), nats_subject(event["type"], 3)
            await broker.publish(Message(subject, body, id_, stream_of(event["type"])))
        await broker.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_i71_what_nearly_fits_is_set_aside_without_its_values_and_stops_nothing(
    start_service: StartService, streams: EmbeddedNats, token: Token
) -> None:
    running = {name: await start_service(service_of(name), retry_seconds=(0.01,)) for name in SERVICES}
    operator = token("operator")

    async def settled() -> bool:
        for name, service in running.items():
            status = (await service.client.get(f"/v1/status/{name}", headers=operator)).json()
            if not status["consumers"] or any(c["pending"] != 0 for c in status["consumers"]):
                return False
        return True

    events = [wrong for number, event in enumerate(examples()) for wrong in broken(event, number)]
    assert len(events) > 400
    await eventually(settled, 60, what="all partitions taken up")
    await publish(streams.url, events)
    await eventually(settled, 400, every=0.5, what="everything heard")
    known = next(e for e in examples() if e["type"] == KNOWN)
    after = known | {"data": known["data"] | {"customer_id": str(uuid4()), "version": 7}}
    after["subject"] = after["data"]["customer_id"]
    await publish(streams.url, [after])

    async def applied() -> bool:
        pool = running["campaign"].everything.pool
        return bool(await pool.fetchval("SELECT count(*) FROM proj_party WHERE customer_id = $1", after["subject"]))

    await eventually(applied, 60, what="what comes after is applied")
    for name, service in running.items():
        shown, cursor = 0, None
        while True:
            query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            answer = await service.client.get(f"/v1/quarantine/{name}", params=query, headers=operator)
            assert answer.status_code == 200, answer.text
            assert MARK not in answer.text, name
            shown += len(answer.json()["items"])
            if (cursor := answer.json()["next_cursor"]) is None:
                break
        assert shown == await service.everything.pool.fetchval("SELECT count(*) FROM quarantine") > 0, name
