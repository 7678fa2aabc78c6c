"""The raw limit of B3: nats-py's fetch(500) against a dict of thresholds; nothing is stored."""

import asyncio
import time
from dataclasses import dataclass, replace

import orjson
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig

from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Broker, Message, provision
from attune_service_kit.nats_client import connect


@dataclass(frozen=True)
class Threshold:
    """A customer fires at `amount * days > integral`; money in minor units."""

    customer_id: str
    account_id: str
    integral: int
    days: int

    def plus(self, amount: int) -> "Threshold":
        """The same after a credit on the day before: it stands in the last closing balance."""
        return replace(self, integral=self.integral + amount)


class Limit:
    """Publishes and consumes on a NATS server of its own, with the platform's streams and settings."""

    def __init__(self, server: EmbeddedNats) -> None:
        self._server = server
        self._broker = Broker(server.url, user="ledger", seed=server.seed("ledger"), name="limit")
        self._reader = Client()

    async def start(self) -> None:
        """Make the streams and connect both sides."""
        await self._server.wait_ready()
        provisioner = await connect(self._server.url, self._server.seed("provision"), inbox_prefix=b"_INBOX_provision")
        await provision(provisioner.jetstream())
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, durable_name="eventing_p0")
        await provisioner.jetstream().add_consumer("LEDGER", config)
        await provisioner.close()
        await self._broker.start()
        await self._broker.ready()
        self._reader = await connect(self._server.url, self._server.seed("eventing"), inbox_prefix=b"_INBOX_eventing")

    async def stop(self) -> None:
        """Close both connections."""
        await self._broker.stop()
        await self._reader.close()

    async def latency(self, messages: list[Message], known: list[Threshold], rate: float) -> dict[str, float]:
        """Return the seconds from each large deposit's intended moment until it was found."""
        reading = asyncio.create_task(self._consume(len(messages), known))
        start = time.monotonic() + 0.1
        sent = {}
        tasks = []
        for number, message in enumerate(messages):
            due = start + number / rate
            sent[str(orjson.loads(message.payload)["data"]["posting_id"])] = due
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self._broker.publish(message)))
        await asyncio.gather(*tasks)
        found = await reading
        return {key: moment - sent[key] for key, moment in found.items()}

    async def throughput(self, messages: list[Message], known: list[Threshold]) -> tuple[float, set[str]]:
        """Return events a second from the first publish to the last one judged, and what was found."""
        start = time.monotonic()
        reading = asyncio.create_task(self._consume(len(messages), known))
        await self._broker.publish_window(messages)
        found = await reading
        return len(messages) / (time.monotonic() - start), set(found)

    async def _consume(self, count: int, known: list[Threshold]) -> dict[str, float]:
        state = {t.customer_id: (t.integral, t.days) for t in known}
        subscription = await self._reader.jetstream().pull_subscribe_bind(durable="eventing_p0", stream="LEDGER")
        found: dict[str, float] = {}
        while count > 0:
            for message in await subscription.fetch(500, timeout=30):
                data = orjson.loads(message.data)["data"]
                integral, days = state[data["customer_id"]]
                if data["direction"] == "credit" and data["amount_minor"] * days > integral:
                    found[data["posting_id"]] = time.monotonic()
                count -= 1
        return found
