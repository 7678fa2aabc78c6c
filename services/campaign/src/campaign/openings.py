"""What becomes of a detection: pure. Everybody gets an opportunity, in a state that says what may be done (X10)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from attune_contracts.campaign import OpportunityState
from attune_contracts.consent import Given, permitted
from attune_measure.arms import Arm
from campaign.channels import Route, TaskChannel, routes


@dataclass(frozen=True)
class OpeningFacts:
    """What is known of the customer. `quadrant` and `digital_share` are None where they may not be read (R-02).

    `enabled` and `channels` are the campaign's; `consents` those to marketing contacts, `product_kind` what it sells.
    """

    customer_id: UUID
    known: bool
    arm: Arm
    escalates_at: datetime
    expires_at: datetime
    enabled: bool = True
    channels: tuple[TaskChannel, ...] = ()
    consents: tuple[Given, ...] = ()
    product_kind: str | None = None
    personalised_consent: bool | None = None
    personalisation: bool = True
    manager_id: str | None = None
    manager_has_capacity: bool = True
    quadrant: str | None = None
    digital_share: float | None = None


@dataclass(frozen=True)
class Opening:
    """The opportunity's first state. `assigned` = it came as far as the arm and takes part in the experiment (X12)."""

    state: OpportunityState
    reason: str | None
    arm: Arm
    assigned: bool
    route: Route | None
    escalates_at: datetime
    expires_at: datetime


def open_opportunity(facts: OpeningFacts) -> Opening:
    """Judge a detection; the contact policy comes next, see `after_policy`."""
    route = _route(facts)
    reason = _suppression(facts, route)
    assigned = reason is None
    if reason is not None:
        state = OpportunityState.SUPPRESSED
    elif facts.arm is Arm.TREATED:
        state = OpportunityState.OPEN
    else:
        state = OpportunityState.HELD_OUT
    return Opening(
        state=state,
        reason=reason,
        arm=facts.arm,
        assigned=assigned,
        # Held-out customers are routed too: the policy is asked about the same channel in both arms.
        route=route if assigned else None,
        escalates_at=min(facts.escalates_at, facts.expires_at),
        expires_at=facts.expires_at,
    )


def after_policy(opening: Opening, refusal: str | None) -> Opening:
    """The opening once the contact policy has answered: a refusal suppresses both arms alike (X12)."""
    if refusal is None:
        return opening
    return replace(opening, state=OpportunityState.SUPPRESSED, reason=refusal, assigned=False)


def _suppression(facts: OpeningFacts, route: Route | None) -> str | None:
    if not facts.enabled:
        return "campaign_disabled"
    if not facts.known:
        return "unknown_customer"
    if not facts.personalisation:
        return "personalisation_off"
    # Unknown = no (X21) for the contact; picking the customer by their behaviour ends where it was refused.
    if facts.personalised_consent is False or (route is None and _ways(facts)):
        return "no_consent"
    # The campaign's own channels may all be closed: for its manager alone, of a customer who has none with time left.
    return "no_channel" if route is None else None


def _route(facts: OpeningFacts) -> Route | None:
    """The best way that the customer permits, None if they permit none."""
    return next((way for way in _ways(facts) if permitted(facts.consents, way.channel, facts.product_kind)), None)


def _ways(facts: OpeningFacts) -> list[Route]:
    return routes(
        manager_id=facts.manager_id,
        manager_has_capacity=facts.manager_has_capacity,
        quadrant=facts.quadrant,
        digital_share=facts.digital_share,
        channels=facts.channels,
    )
