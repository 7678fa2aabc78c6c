"""The recorder that holds every event of every test to its schema: it finds what is planted, and it is switched on."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from attune_contracts import schemas
from attune_contracts.customer_360 import ImportCompleted
from attune_contracts.envelope import CustomerData
from attune_contracts.identifiers import new_id
from attune_service_kit.errors import Conflict
from attune_service_kit.event_recorder import RECORDER, EventRecorder, hold_outbox
from attune_service_kit.testing import StartService
from insight.app import SERVICE

EXAMPLES = schemas.FOLDER.with_name("examples")
RAISED = json.loads((EXAMPLES / "eventing.detection.raised.v1" / "large-deposit.json").read_text("utf-8"))


def faults(event: dict[str, Any], service: str | None = None) -> list[str]:
    recorder = EventRecorder()
    recorder.hold(event, service)
    return recorder.faults()


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.json")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_golden_examples_are_as_documented(file: Path) -> None:
    event = json.loads(file.read_text("utf-8"))
    assert faults(event, event["source"]) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"trigger": None}, "trigger type"),
        ({"expires_at": "tomorrow"}, "expires_at format"),
        ({"customer_id": "C0417"}, "customer_id format"),
        ({"name": "王芳"}, "data additionalProperties ['name']"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(change: dict[str, Any], fault: str) -> None:
    assert faults(RAISED | {"data": RAISED["data"] | change}) == [f"eventing.detection.raised.v1: {fault}"]


def test_nobody_says_what_the_catalogue_does_not_know_or_gives_to_another() -> None:
    assert faults(RAISED | {"type": "eventing.rumour.spread.v1"}) == [
        "eventing.rumour.spread.v1 does not stand in the catalogue"
    ]
    assert faults(RAISED, "campaign") == ["eventing.detection.raised.v1 is not for campaign to say"]
    posted = json.loads((EXAMPLES / "ledger.transaction.posted.v1" / "large-deposit.json").read_text("utf-8"))
    assert faults(posted, "eventing") == []


def test_an_event_is_told_once() -> None:
    recorder = EventRecorder()
    recorder.hold({key: value for key, value in RAISED.items() if key != "time"})
    assert recorder.faults() == ["eventing.detection.raised.v1: data required time"]
    assert recorder.faults() == []
    assert recorder.seen == {"eventing.detection.raised.v1": 1}


class Whispered(CustomerData):
    """An event that only this test knows."""

    TYPE: ClassVar[str] = "sample.word.whispered.v1"


async def test_whatever_a_transaction_takes_is_held(start_service: StartService) -> None:
    insight = await start_service(SERVICE, worker=False)
    wrong = ImportCompleted.model_construct(import_id="first", pointers=())

    async def say_and_refuse() -> None:
        async with insight.runtime.database.transaction() as tx:
            tx.emit(Whispered(customer_id=new_id()), wrong)
            raise Conflict("rolled back", "已回滚")

    with pytest.warns(UserWarning, match="serializer"), pytest.raises(Conflict):
        await say_and_refuse()
    assert RECORDER.faults() == ["customer_360.import.completed.v1: import_id format"]


async def test_what_lies_in_the_outbox_is_held_to_its_producer(start_service: StartService) -> None:
    insight = await start_service(SERVICE, worker=False)
    async with insight.runtime.database.transaction() as tx:
        tx.emit(ImportCompleted(import_id=new_id(), pointers=()))
    recorder = EventRecorder()
    await hold_outbox(recorder, insight.runtime.database.pool, "insight")
    assert recorder.faults() == ["customer_360.import.completed.v1 is not for insight to say"]
    async with insight.runtime.database.transaction() as tx:
        await tx.conn.execute("DELETE FROM outbox")  # or the end of this test would find it too
