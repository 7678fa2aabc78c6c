"""Publishing: many in flight, every outcome known, nothing twice, nothing where it does not belong."""

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from attune_contracts.identifiers import new_id
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Broker, BrokerDown, Message, PublishFailed, Stored
from attune_service_kit.nats_client import NatsClient
from attune_service_kit.streams import event_classes, stream_of, subjects
from attune_service_kit.testing import eventually, provision_streams
from attune_service_kit.testing_credentials import nats_seed


@pytest.fixture
async def broker(streams: EmbeddedNats) -> AsyncIterator[Broker]:
    """Connected as the user `campaign`."""
    broker = Broker(streams.url, user="campaign", seed=nats_seed("campaign"), name="test")
    await broker.start()
    await broker.ready()
    yield broker
    await broker.stop()


def message(number: int, **changes: str) -> Message:
    values = {"subject": "evt.campaign.contact.made.v1.p0", "id": str(new_id()), "stream": "EVT"} | changes
    return Message(payload=str(number).encode(), **values)


@pytest.mark.parametrize("count", [1, 15, 16, 1200])
async def test_messages_are_stored_in_order_however_many(broker: Broker, count: int) -> None:
    outcomes = await broker.publish_window([message(n) for n in range(count)])
    assert outcomes == [Stored(n + 1) for n in range(count)]
    assert (await broker.stream_state("EVT")).messages == count


async def test_the_same_id_is_stored_once_in_a_batch_too(broker: Broker) -> None:
    messages = [message(n) for n in range(20)]
    first = await broker.publish_window(messages)
    again = await broker.publish_window([*messages[10:], *(message(n) for n in range(20, 30))])
    assert [o.seq for o in again[:10] if isinstance(o, Stored)] == [o.seq for o in first[10:] if isinstance(o, Stored)]
    assert all(isinstance(o, Stored) and o.duplicate for o in again[:10])
    assert (await broker.stream_state("EVT")).messages == 30


async def test_a_message_that_cannot_be_stored_stops_no_other(broker: Broker) -> None:
    too_large = Message("evt.campaign.contact.made.v1.p0", b"x" * 140_000, str(new_id()), "EVT")
    outcomes = await broker.publish_window([message(1), too_large, *(message(n) for n in range(2, 20))])
    assert isinstance(outcomes[1], PublishFailed)
    assert sum(isinstance(o, Stored) for o in outcomes) == 19


async def test_a_wrong_stream_is_refused(broker: Broker) -> None:
    [outcome] = await broker.publish_window([message(1, stream="LEDGER")])
    assert isinstance(outcome, PublishFailed)


async def test_another_producers_subject_is_refused_and_counted(broker: Broker) -> None:
    foreign = message(1, subject="evt.eventing.detection.raised.v1.p0")
    [outcome] = await broker.publish_singly([foreign], timeout=0.3)
    assert isinstance(outcome, PublishFailed)
    assert broker.errors["permission"] == 1


async def test_without_a_broker_everything_fails_at_once_and_recovers(streams: EmbeddedNats, broker: Broker) -> None:
    streams.stop()
    log = streams.store_dir.parent / "nats.log"
    try:
        await eventually(lambda: _is(not broker.connected))
        [outcome] = await broker.publish_window([message(1)])
        assert isinstance(outcome, BrokerDown)
        with pytest.raises(BrokerDown):
            await broker.stream_state("EVT")
    finally:
        streams.start(log)
        await streams.wait_ready()
    await broker.ready()
    assert await broker.publish_window([message(1)]) == [Stored(1)]
    assert broker.generation == 2


async def _is(value: bool) -> bool:
    return value


async def test_requests_are_answered_by_whoever_offers_to(streams: EmbeddedNats) -> None:
    asking = Broker(streams.url, user="campaign", seed=nats_seed("campaign"), name="asks")
    scoring = Broker(streams.url, user="scoring", seed=nats_seed("scoring"), name="answers")

    async def double(question: bytes) -> bytes:
        return question * 2

    for broker in (asking, scoring):
        await broker.start()
        await broker.ready()
    try:
        await scoring.answer("scoring.score", double)

        async def answered() -> bytes | None:
            try:
                return await asking.request("scoring.score", b"ab", timeout=0.5)
            except PublishFailed:
                return None

        assert await eventually(answered) == b"abab"
    finally:
        await asking.stop()
        await scoring.stop()


async def test_provisioning_again_keeps_what_the_streams_hold(streams: EmbeddedNats, broker: Broker) -> None:
    await broker.publish(message(1))
    created = (await broker.stream_state("EVT")).created
    await provision_streams(streams, anew=False)
    state = await broker.stream_state("EVT")
    assert (state.messages, state.created) == (1, created)


def test_every_event_class_has_a_subject_in_exactly_one_stream() -> None:
    for event in event_classes():
        producer, noun = event.TYPE.split(".")[:2]
        inside = [
            stream
            for stream in ("EVT", "LEDGER")
            if f"evt.{producer}.{noun}.>" in subjects(stream) or f"evt.{producer}.>" in subjects(stream)
        ]
        assert inside == [stream_of(event.TYPE)]


@pytest.mark.parametrize(
    "raw",
    [
        b"Nats-Msg-Id: 1\r\ntraceparent:00-a-b-01\r\n\r\n",
        b"A:\tx y\r\nno colon\r\nbad name: 1\r\n: empty\r\n",
        b"\xff\xfe: x\r\nB: \xff\xfe\r\nC:\r\n",
    ],
)
def test_headers_are_read_as_nats_py_reads_them(raw: bytes) -> None:
    theirs = {name: value for name, value in Client._parse_header_lines(raw).items() if name}
    assert NatsClient._parse_header_lines(raw) == theirs
