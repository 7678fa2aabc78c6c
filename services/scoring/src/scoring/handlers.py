"""The message edge: snapshots and promotions start a batch scoring, evidence renews single scores."""

from uuid import UUID

from attune_contracts.eventing import DetectionEvidence
from attune_contracts.insight import FeaturesPublished
from attune_contracts.scoring import ModelPromoted
from attune_service_kit.consumer import Event, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from scoring import champions, purposes, registry
from scoring.feature_rows import stored_rows
from scoring.renewal import Evidence, renew


async def features_published(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A snapshot lies in the lake: score it, and load its rows."""
    manifest = events[-1].data["pointer"]["manifest"]
    await runtime.jobs.start(tx, "score", {"model": None, "as_of": None}, key=f"features:{manifest}")


async def model_promoted(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Another version answers: hold its session ready, and score the whole base with it."""
    await champions.table(runtime).refresh(tx.conn)
    for name, version in {event.data["model"]: event.data["version"] for event in events}.items():
        await runtime.jobs.start(tx, "score", {"model": name, "as_of": None}, key=f"model:{name}:{version}")


async def evidence_given(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Renew the scores of the customers to whom new money has come; who has no feature row is left alone (X17)."""
    evidence = [
        Evidence(
            customer_id=UUID(event.data["customer_id"]),
            key=event.data["event_key"],
            amount_minor=event.data["amount_minor"],
            business_date=runtime.clock.date_of(event.time),
            at=event.time,
        )
        for event in events
        if event.data.get("new_money", True)
    ]
    if not evidence:
        return
    answers, shares = await registry.answers(tx.conn), await purposes.shares(tx.conn)
    rows = await stored_rows(tx.conn, (item.customer_id for item in evidence))
    causes = {UUID(event.data["customer_id"]): event for event in events}
    for merge in renew(evidence, rows, answers, tx.now, shares):
        assert merge.customer_id is not None  # noqa: S101 - a merge names its customer
        with causes[merge.customer_id].as_cause():
            tx.emit(merge)


SUBSCRIPTION = Subscription(
    stream="EVT",
    handlers={
        FeaturesPublished: features_published,
        ModelPromoted: model_promoted,
        DetectionEvidence: evidence_given,
    },
)
