"""A service that sends itself orders through outbox, stream and consumer; run as `python delivery_sample.py worker`."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar, Literal

from sqlalchemy import MetaData

from attune_contracts.envelope import CustomerData
from attune_service_kit.consumer import Event, FatalEvent, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.service import main
from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.tables import kit_tables


class SampleSettings(ServiceSettings):
    model_config = settings_config("SAMPLE_")


class OrderPlaced(CustomerData):
    """What the service consumes; `behave` is what the handler shall do with it."""

    TYPE: ClassVar[str] = "sample.order.placed.v1"

    number: int
    behave: Literal["well", "fail", "refuse", "die", "hang", "slow"] = "well"


class OrderConfirmed(CustomerData):
    """What the service says about each order, and nobody consumes."""

    TYPE: ClassVar[str] = "sample.order.confirmed.v1"

    number: int


async def apply(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Write an effect and an event for each order, in bulk."""
    for event in events:
        match event.data["behave"]:
            case "fail":
                raise ValueError("this order cannot be applied today")
            case "refuse":
                raise FatalEvent("this order can never be applied")
            case "die":
                os._exit(9)
            case "hang" | "slow":
                await asyncio.sleep(1.5 if event.data["behave"] == "slow" else 3600)
    rows = [(e.id, e.data["customer_id"], e.data["number"]) for e in events]
    await tx.conn.execute(
        "INSERT INTO effect (event_id, customer, number) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])",
        *(list(column) for column in zip(*rows, strict=True)),
    )
    tx.emit(*(OrderConfirmed(customer_id=e.data["customer_id"], number=e.data["number"]) for e in events))


metadata = MetaData()
kit_tables(metadata)
SERVICE = Service(
    "sample",
    "Sample of delivery",
    SampleSettings,
    metadata,
    subscriptions=[Subscription("EVT", {OrderPlaced: apply})],
    migrations=Path(__file__).parent / "delivery_migrations",
)

if __name__ == "__main__":
    main(SERVICE)
