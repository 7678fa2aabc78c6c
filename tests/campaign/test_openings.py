"""What becomes of a detection, case by case."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from attune_contracts.consent import ANY, Given
from attune_measure.arms import Arm
from campaign.openings import OpeningFacts, after_policy, open_opportunity

NOW = datetime(2026, 3, 17, 6, 5, 11, tzinfo=UTC)
YES = Given(ANY, ANY, True)
KNOWN = {"known": True, "consents": (YES,), "personalised_consent": True}


def facts(arm: Arm = Arm.TREATED, **changes: object) -> OpeningFacts:
    values = {"customer_id": UUID(int=1), "arm": arm, "expires_at": NOW + timedelta(hours=48), **KNOWN}
    values["escalates_at"] = NOW + timedelta(hours=24)
    return OpeningFacts(**values | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "state", "reason"),
    [
        (facts(), "open", None),
        (facts(Arm.CONTROL), "held_out", None),
        (facts(Arm.UNIVERSAL), "held_out", None),
        (facts(known=False), "suppressed", "unknown_customer"),
        (facts(consents=()), "suppressed", "no_consent"),
        (facts(consents=(Given(ANY, ANY, False),)), "suppressed", "no_consent"),
        (facts(consents=(Given("sms", ANY, True),)), "suppressed", "no_consent"),
        (facts(consents=(Given(ANY, "fund", True),)), "suppressed", "no_consent"),
        (facts(consents=(Given(ANY, "fund", True),), product_kind="loan"), "suppressed", "no_consent"),
        (facts(consents=(Given(ANY, "fund", True),), product_kind="fund"), "open", None),
        (facts(personalised_consent=False), "suppressed", "no_consent"),
        (facts(personalised_consent=None), "open", None),
        (facts(personalisation=False), "suppressed", "personalisation_off"),
        (facts(Arm.CONTROL, consents=()), "suppressed", "no_consent"),
        (facts(enabled=False), "suppressed", "campaign_disabled"),
        (facts(Arm.CONTROL, enabled=False, known=False), "suppressed", "campaign_disabled"),
        (facts(channels=("relationship_manager",)), "suppressed", "no_channel"),
        (facts(channels=("mobile",), consents=(Given("call_centre", ANY, True),)), "suppressed", "no_consent"),
    ],
)
def test_first_state(given: OpeningFacts, state: str, reason: str | None) -> None:
    opening = open_opportunity(given)
    assert (opening.state, opening.reason, opening.arm) == (state, reason, given.arm)
    assert opening.assigned == (reason is None)
    assert opening.escalates_at == NOW + timedelta(hours=24)
    assert opening.expires_at == NOW + timedelta(hours=48)


@pytest.mark.parametrize(
    ("changes", "channel"),
    [
        ({"manager_id": "M1", "quadrant": "A"}, "relationship_manager"),
        ({"manager_id": "M1", "quadrant": "private", "digital_share": 0.9}, "relationship_manager"),
        ({"manager_id": "M1", "quadrant": "B", "manager_has_capacity": False}, "call_centre"),
        ({"manager_id": "M1", "quadrant": "B", "manager_has_capacity": False, "digital_share": 0.6}, "mobile"),
        ({"manager_id": "M1", "quadrant": "D", "digital_share": 0.8}, "mobile"),
        ({"quadrant": "A", "digital_share": 0.59}, "call_centre"),
        ({"manager_id": "M1"}, "call_centre"),
        # The best way that the customer permits.
        ({"consents": (YES, Given("call_centre", ANY, False))}, "mobile"),
        ({"manager_id": "M1", "quadrant": "A", "consents": (Given("call_centre", ANY, True),)}, "call_centre"),
        ({"manager_id": "M1", "consents": (Given("relationship_manager", ANY, True),)}, "relationship_manager"),
        ({"digital_share": 0.9, "consents": (YES, Given("mobile", ANY, False))}, "call_centre"),
        # The campaign's own ways, in its order.
        ({"manager_id": "M1", "quadrant": "A", "channels": ("mobile", "relationship_manager")}, "mobile"),
        ({"manager_id": "M1", "channels": ("relationship_manager", "mobile")}, "relationship_manager"),
        ({"channels": ("relationship_manager", "mobile")}, "mobile"),
    ],
)
def test_channel(changes: dict[str, object], channel: str) -> None:
    route = open_opportunity(facts(**changes)).route
    assert route is not None
    assert route.channel == channel
    assert route.employee_id == ("M1" if channel == "relationship_manager" else None)


def test_the_policy_suppresses_both_arms_alike() -> None:
    for arm in (Arm.TREATED, Arm.CONTROL):
        opening = after_policy(open_opportunity(facts(arm)), "frequency_cap")
        assert (opening.state, opening.reason, opening.assigned) == ("suppressed", "frequency_cap", False)


def test_an_opportunity_never_escalates_after_it_has_expired() -> None:
    opening = open_opportunity(facts(expires_at=NOW + timedelta(hours=5)))
    assert opening.escalates_at == opening.expires_at
