"""The message edge: one function per consumed event, then one call inward."""

from collections.abc import Sequence

from attune_contracts.customer_360 import ConsentChanged, ImportCompleted, ProfileChanged, VisitOpened
from attune_contracts.eventing import (
    DetectionEvidence,
    DetectionRaised,
    DetectionWithdrawn,
    TriggerActivated,
    TriggerRetired,
)
from attune_contracts.insight import FeaturesPublished
from attune_contracts.scoring import ScoresPublished
from attune_service_kit.consumer import Event, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from campaign import campaigns, consent_withdrawals, consents, opportunities, plans, projections, turns, visits


async def detection_raised(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """One opportunity for each detection; its business time is the event's."""
    plan = await plans.current(runtime.worker_database, tx.conn)
    detected = [opportunities.Detected(DetectionRaised.model_validate(e.data), e.time, e.as_cause) for e in events]
    await opportunities.open_for(tx, plan, detected, runtime.settings.zone)


async def detection_evidence(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """The amounts behind a detection."""
    await opportunities.add_evidence(tx, [DetectionEvidence.model_validate(e.data) for e in events])


async def detection_withdrawn(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A detection was untrue after all."""
    await opportunities.withdraw(tx, [(DetectionWithdrawn.model_validate(e.data), e.time) for e in events])


async def trigger_activated(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A trigger judges the stream: if no campaign names it, one is made before its first detection comes."""
    for event in events:
        activated = TriggerActivated.model_validate(event.data)
        if await campaigns.adopt(tx, activated):
            await plans.ensure_salt(tx.conn, runtime.settings, activated.trigger)


async def trigger_retired(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A trigger judges no more: its campaign says so."""
    for event in events:
        await campaigns.trigger_retired(tx, TriggerRetired.model_validate(event.data), event.time)


async def scores_published(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A customer's newer scores, or a pointer to everybody's; only probabilities are decided by."""
    published = [ScoresPublished.model_validate(e.data) for e in events]
    await projections.merge_scores(tx, [p for p in published if p.merge])
    for item in published:
        if item.pointer is not None and item.output == "probability":
            await _load(runtime, tx, "scores", [item.pointer.model_dump(mode="json")], item.pointer.manifest)


async def features_published(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A pointer to everybody's features."""
    for event in events:
        pointer = FeaturesPublished.model_validate(event.data).pointer
        await _load(runtime, tx, "features", [pointer.model_dump(mode="json")], pointer.manifest)


async def import_completed(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """The bank's customers, consents, branches and employees lie in the lake."""
    for event in events:
        completed = ImportCompleted.model_validate(event.data)
        pointers = [p.model_dump(mode="json") for p in completed.pointers]
        await _load(runtime, tx, "import", pointers, str(completed.import_id))


async def profile_changed(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """One customer's state has changed: what is newer is applied (X7), and who was unknown is judged again."""
    changes = [ProfileChanged.model_validate(e.data) for e in events]
    plan = await plans.current(runtime.worker_database, tx.conn)
    await turns.share(tx.conn)
    await consents.lock(tx.conn, switched_off := [c.customer_id for c in changes if not c.personalisation])
    await projections.apply_profiles(tx, changes)
    await consent_withdrawals.end(tx, switched_off)
    await opportunities.judge_again(tx, plan, [c.customer_id for c in changes], tx.now, runtime.settings.zone)


async def consent_changed(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """One customer's consents have changed: the newest state holds at once, and what it no longer permits ends."""
    await turns.share(tx.conn)
    changed = await consents.apply(tx, [ConsentChanged.model_validate(e.data) for e in events])
    await consent_withdrawals.end(tx, changed)


async def visit_opened(_runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """A customer of another branch is at the counter: this teller may serve them for a while (X23)."""
    await visits.opened(tx, [VisitOpened.model_validate(e.data) for e in events])


async def _load(runtime: Runtime, tx: Transaction, what: str, pointers: Sequence[object], key: str) -> None:
    await runtime.jobs.start(tx, f"load-{what}", {"pointers": list(pointers)}, key=key)


SUBSCRIPTION = Subscription(
    stream="EVT",
    handlers={
        TriggerActivated: trigger_activated,
        TriggerRetired: trigger_retired,
        DetectionRaised: detection_raised,
        DetectionEvidence: detection_evidence,
        DetectionWithdrawn: detection_withdrawn,
        ScoresPublished: scores_published,
        FeaturesPublished: features_published,
        ImportCompleted: import_completed,
        ProfileChanged: profile_changed,
        ConsentChanged: consent_changed,
        VisitOpened: visit_opened,
    },
)
