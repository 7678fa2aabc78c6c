"""The message edge: what others do with customers becomes their timeline; segments become tags."""

from attune_contracts.campaign import (
    ContactMade,
    OpportunityActed,
    OpportunityEscalated,
    OpportunityExpired,
    OpportunityOpened,
    ResponseRecorded,
)
from attune_contracts.eventing import DetectionRaised, DetectionWithdrawn
from attune_contracts.insight import FeaturesPublished, SegmentsPublished
from attune_contracts.pointer import Published
from attune_service_kit.consumer import Event, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from customer_360 import contacts, opportunities, timeline
from customer_360.timeline import Entry


async def detection_raised(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A trigger found what it looks for."""
    told = [(DetectionRaised.model_validate(e.data), e.time) for e in events]
    await timeline.add(
        tx,
        [
            Entry(
                d.customer_id,
                "detection",
                str(d.detection_id),
                at,
                "raised",
                {"trigger": d.trigger, "business_date": d.business_date, "late": d.late},
            )
            for d, at in told
        ],
    )


async def detection_withdrawn(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """It was untrue after all: that is an event of its own, and nobody need call for it."""
    told = [(DetectionWithdrawn.model_validate(e.data), e.time) for e in events]
    await timeline.add(
        tx,
        [
            Entry(
                d.customer_id,
                "detection",
                f"{d.detection_id}/withdrawn",
                at,
                "withdrawn",
                {"trigger": d.trigger, "reason": d.reason},
            )
            for d, at in told
        ],
    )
    await opportunities.withdrawn(tx, [d.detection_id for d, _ in told])


async def contact_made(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Somebody of the bank spoke with the customer."""
    told = [(ContactMade.model_validate(e.data), e.time) for e in events]
    await timeline.add(
        tx,
        [
            Entry(
                c.customer_id,
                "contact",
                str(c.contact_id),
                at,
                "made",
                {"channel": c.channel, "disposition": c.disposition, "opportunity_id": c.opportunity_id},
            )
            for c, at in told
        ],
    )
    await contacts.seen(tx, [(c.customer_id, at) for c, at in told])


async def response_recorded(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """The customer answered to an offer."""
    told = [(ResponseRecorded.model_validate(e.data), e.time) for e in events]
    await timeline.add(
        tx,
        [
            Entry(
                r.customer_id, "response", str(r.response_id), at, "recorded", {"offer": r.offer, "outcome": r.outcome}
            )
            for r, at in told
        ],
    )
    await contacts.seen(tx, [(r.customer_id, at) for r, at in told])


async def opportunity_opened(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """There is a reason to call; or, told again in another state, there is none any more."""
    await opportunities.opened(tx, [(OpportunityOpened.model_validate(e.data), e.time) for e in events])


async def opportunity_escalated(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """The reason is pressing."""
    told = [OpportunityEscalated.model_validate(e.data) for e in events]
    await opportunities.escalated(tx, [o.opportunity_id for o in told])


async def opportunity_acted(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Somebody has called."""
    await opportunities.ended(tx, [OpportunityActed.model_validate(e.data).opportunity_id for e in events])


async def opportunity_expired(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Nobody has called in time."""
    await opportunities.ended(tx, [OpportunityExpired.model_validate(e.data).opportunity_id for e in events])


async def segments_published(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Everybody's segments lie in the lake: a job loads them as tags."""
    for event in events:
        await _load(runtime, tx, "load-segments", SegmentsPublished.model_validate(event.data))


async def features_published(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Everybody's assets lie in the lake: a job loads their bands as tags."""
    for event in events:
        await _load(runtime, tx, "load-bands", FeaturesPublished.model_validate(event.data))


async def _load(runtime: Runtime, tx: Transaction, job: str, told: Published) -> None:
    await runtime.jobs.start(tx, job, {"pointer": told.pointer.model_dump(mode="json")}, key=told.pointer.manifest)


SUBSCRIPTION = Subscription(
    stream="EVT",
    handlers={
        DetectionRaised: detection_raised,
        DetectionWithdrawn: detection_withdrawn,
        ContactMade: contact_made,
        ResponseRecorded: response_recorded,
        OpportunityOpened: opportunity_opened,
        OpportunityEscalated: opportunity_escalated,
        OpportunityActed: opportunity_acted,
        OpportunityExpired: opportunity_expired,
        SegmentsPublished: segments_published,
        FeaturesPublished: features_published,
    },
)
