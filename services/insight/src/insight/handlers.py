"""The message edge: an import's two halves, and the features that follow; how far the data have come."""

from datetime import date
from typing import Any
from uuid import UUID

from attune_contracts.customer_360 import ImportCompleted
from attune_contracts.eventing import TransactionsPublished
from attune_service_kit.consumer import Event, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from insight import freshness
from insight.arrivals import Part, arrived


async def import_completed(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Profiles, accounts and holdings of an import lie in the lake."""
    await freshness.heard(tx.conn, [_day(pointer) for event in events for pointer in event.data["pointers"]])
    await _arrive(runtime, tx, events, "profiles")


async def transactions_published(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Postings lie in the lake; only those of an import start a snapshot."""
    await freshness.heard(tx.conn, [_day(event.data["pointer"]) for event in events])
    await _arrive(runtime, tx, events, "transactions")


def _day(pointer: dict[str, Any]) -> tuple[str, date]:
    return pointer["dataset"], date.fromisoformat(pointer["as_of"])


async def _arrive(runtime: Runtime, tx: Transaction, events: list[Event], part: Part) -> None:
    # The last event of an import names the job: one that is already reading must not swallow what comes after it.
    last = {UUID(event.data["import_id"]): event.id for event in events if event.data.get("import_id")}
    for import_id, event_id in last.items():
        if await arrived(tx.conn, import_id, part):
            await runtime.jobs.start(tx, "features", {"as_of": None}, key=f"{import_id}:{event_id}")


SUBSCRIPTION = Subscription(
    stream="EVT",
    handlers={ImportCompleted: import_completed, TransactionsPublished: transactions_published},
)
