"""Which offers suit one customer now, and in which order: pure, and the one place that `decide` and explanations ask.

The funnel (X12): eligibility → suitability → consent → contact policy → arbitration (propensity × context × value ×
lever) → arm. Every step refuses a set of offers; an offer is withheld by the first step that refuses it.
"""

from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from typing import Literal, NamedTuple

from attune_contracts.consent import permitted, too_young
from campaign import catalogue as conditions
from campaign import texts
from campaign.catalogue import Customer, Offer, age_on
from campaign.contact_policy import direction, look
from campaign.decision_facts import DecisionFacts, LiveOpportunity, PartyFacts, StoredScore
from campaign.offer_conditions import where_text
from campaign.offer_index import Catalogue, Offers, members, priority
from campaign.suitability import RiskRating, unsuitable
from campaign.texts import Text

_SHORT = 100

Rule = Literal["eligibility", "suitability", "consent", "contact_policy"]
Step = Literal["age", "held", "balance", "own", "suitability", "consent", "contact_policy"]


class Refusal(NamedTuple):
    """Why an offer is withheld: the rule as answers name it, the step that found it, and the words."""

    rule: Rule
    step: Step
    text: Text


@dataclass(frozen=True)
class Candidate:
    """An offer that has passed every rule, with its place in the arbitration."""

    position: int
    offer: Offer
    priority: float
    propensity: float
    model: str | None
    """Whose score the propensity is; None = the offer's base rate."""
    weight: float
    opportunity: LiveOpportunity | None
    """What raised the weight above 1."""


class Judgement:
    """One customer's facts held against one catalogue."""

    def __init__(self, facts: DecisionFacts, catalogue: Catalogue) -> None:
        self.facts, self.catalogue = facts, catalogue
        party = facts.party
        self.rating = rating_of(party)
        self.customer = _customer(facts)
        index = catalogue.index
        # Of somebody unknown nothing can be asked: the list says what the bank offers, within suitability.
        known = party is not None
        self.wrong_age: Offers = index.wrong_age(self.customer) if known else 0
        self.held: Offers = index.held_already(self.customer) if known else 0
        self.balance_short: Offers = index.balance_short(self.customer) if known else 0
        self.elsewhere: Offers = index.elsewhere(self.customer) if known and index.by_own else 0
        self.unsuitable: list[tuple[Offers, Text]] = [
            (offers, text)
            for level, offers in index.by_risk
            if (text := unsuitable(level, None, self.rating, facts.today)) is not None
        ]
        self.too_young = party is not None and too_young(party.birth_date, facts.today)
        self.not_agreed: Offers = 0
        for kind, offers in index.by_kind:
            self.not_agreed |= offers if self.too_young or not agreed(facts, kind) else 0
        self.blocked = blocked(facts)
        refused = self.wrong_age | self.held | self.balance_short | self.elsewhere | self.not_agreed
        for offers, _ in self.unsuitable:
            refused |= offers
        self.refused: Offers = index.everything if self.blocked else refused

    def refusal(self, position: int) -> Refusal | None:
        """Why the offer at this position is withheld; None if it is not."""
        offer, bit = self.catalogue.marketing[position], 1 << position
        if not self.refused & bit:
            return None
        if self.wrong_age & bit:
            return Refusal("eligibility", "age", conditions.age_text(offer))
        if self.held & bit:
            return Refusal("eligibility", "held", texts.held_already(self.holding(offer)))
        if self.balance_short & bit:
            return Refusal("eligibility", "balance", conditions.balance_text(offer))
        if self.elsewhere & bit:
            asked = offer.conditions
            return Refusal("eligibility", "own", where_text(asked.where or "", offer.currency, asked.fields))
        for offers, text in self.unsuitable:
            if offers & bit:
                return Refusal("suitability", "suitability", text)
        if self.not_agreed & bit:
            return Refusal("consent", "consent", self.disagreement)
        assert self.blocked is not None  # noqa: S101 - nothing else refuses
        return Refusal("contact_policy", "contact_policy", texts.POLICY[self.blocked])

    @property
    def disagreement(self) -> Text:
        """Why the customer has not agreed."""
        return texts.TOO_YOUNG if self.too_young else texts.NO_CONSENT

    def holding(self, offer: Offer) -> str:
        """The product that excludes the offer; empty if none does."""
        return conditions.held_already(offer.conditions, self.customer.held) or ""

    def shown(self) -> list[Candidate]:
        """What is offered: the arm comes last, so what the rules withhold is said to both arms alike (X11)."""
        return [] if self.facts.held_out else self.ranked(self.facts.limit)

    def ranked(self, limit: int | None = None) -> list[Candidate]:
        """The offers that passed, the best first, as if nobody were held out."""
        passed = self.catalogue.index.everything & ~self.refused
        rank = self.catalogue.rank
        if not self.facts.personalised:
            order = [i for i in rank.generic if passed >> i & 1]
            return [self._candidate(i) for i in order[:limit]]
        scores = [score[1].score if score else None for score in self._scores]
        weights, lists, base, worth = self._weights, rank.models_of, rank.base, rank.worth
        found = []
        for i in members(passed):
            propensity = scores[lists[i]]
            weight = weights[i][0] if i in weights else 1.0
            found.append((-priority(base[i] if propensity is None else propensity, weight, worth[i]), i))
        # A short list is sorted faster than its smallest are picked.
        best = nsmallest(limit, found) if limit is not None and len(found) > _SHORT else sorted(found)[:limit]
        return [self._candidate(i) for _, i in best]

    def _candidate(self, i: int) -> Candidate:
        offer, rank = self.catalogue.marketing[i], self.catalogue.rank
        propensity, model, weight, opportunity = rank.base[i], None, 1.0, None
        if self.facts.personalised:
            if (score := self._scores[rank.models_of[i]]) is not None:
                model, propensity = score[0], score[1].score
            weight, opportunity = self._weights.get(i, (1.0, None))
        place = priority(propensity, weight, rank.worth[i])
        return Candidate(i, offer, place, propensity, model, weight, opportunity)

    @cached_property
    def _scores(self) -> list[tuple[str, StoredScore] | None]:
        """For each list of models, the first one that has scored the customer."""
        scores = dict(self.facts.scores)
        return [
            next(((m, scores[m]) for m in models if m in scores), None) for models in self.catalogue.rank.model_lists
        ]

    @cached_property
    def _weights(self) -> dict[int, tuple[float, LiveOpportunity]]:
        """The highest weight above 1 that a live opportunity lends to an offer."""
        weights: dict[int, tuple[float, LiveOpportunity]] = {}
        for live in self.facts.opportunities:
            for i, weight in self.catalogue.rank.weights.get(live.trigger, ()):
                if i not in weights or weight > weights[i][0]:
                    weights[i] = (weight, live)
        return weights


def rating_of(party: PartyFacts | None) -> RiskRating:
    """The risk rating of whoever is known."""
    if party is None:
        return RiskRating(None, None)
    return RiskRating(party.risk_rating, party.risk_rated_on, party.risk_valid_until)


def _customer(facts: DecisionFacts) -> Customer:
    party, profile = facts.party, facts.profile
    balance = None
    if profile is not None:
        # A deposit since the snapshot is not yet in its balance.
        new = {o.event_key or o.id: o.amount_minor or 0 for o in facts.opportunities if o.business_date > profile.as_of}
        balance = profile.balance_minor + sum(new.values())
    return Customer(
        age=age_on(party.birth_date, facts.today) if party else None,
        held=frozenset(party.held) if party else frozenset(),
        balance_minor=balance,
        profiled=facts.personalised,
        risk_rating=party.risk_rating if party else None,
        value_quadrant=profile.value_quadrant if profile else None,
        lifecycle=profile.lifecycle if profile else None,
    )


def agreed(facts: DecisionFacts, product_kind: str | None) -> bool:
    """Whether the bank may propose products of this kind here. Who comes by themselves may be told of all (X21)."""
    return direction(facts.channel) == "inbound" or permitted(facts.consents, facts.channel, product_kind) is True


def blocked(facts: DecisionFacts) -> str | None:
    """Why the contact policy forbids any approach on this channel now; inbound it never does."""
    if direction(facts.channel) == "inbound":
        return None
    return look(facts.policy, facts.contacts, facts.channel, facts.as_of, facts.zone, facts.suppressions)
