"""What a decision is made from: everything, so that the stored inputs give the same answer again. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self

import orjson

from attune_contracts.consent import ANY, Given
from campaign.contact_policy import ContactPolicy, PastContact, Suppression

RULES = 1
"""The version of the rules in `judgement` and `decide`: raised whenever the same inputs are answered differently."""


@dataclass(frozen=True)
class PartyFacts:
    """Master data. They are no profile: the generic list may read them (R-02)."""

    birth_date: date | None
    risk_rating: str | None
    risk_rated_on: date | None
    held: tuple[str, ...]
    """Product ids and kinds that the customer holds."""
    risk_valid_until: date | None = None


@dataclass(frozen=True)
class ProfileFacts:
    """Features, tags and segments. None of this is read for a customer who has not agreed to it."""

    as_of: date
    balance_minor: int
    value_quadrant: str | None
    lifecycle: str | None = None


@dataclass(frozen=True)
class StoredScore:
    """One model's answer: a probability; and of which bytes, to what they saw (P-32): 16 hex digits of their hashes."""

    version: int
    score: float
    model_hash: str | None = None
    features_hash: str | None = None


@dataclass(frozen=True)
class LiveOpportunity:
    """An opportunity that waits for somebody to act."""

    id: str
    trigger: str
    business_date: date
    amount_minor: int | None
    """New money that came with it; None where that is not what the trigger saw, or not known yet."""
    event_key: str | None = None
    """The posting behind it: what two triggers report of one posting is one amount."""


@dataclass(frozen=True)
class DecisionFacts:
    """One question and all that is known. `today` is the bank's business date, `as_of` business time (X1)."""

    decision_id: str
    customer_id: str
    channel: str
    limit: int
    as_of: datetime
    today: date
    zone: str
    catalogue_version: int
    policy_version: int
    policy: ContactPolicy
    party: PartyFacts | None
    """None = not known, or not in the caller's scope: the same answer."""
    personalised: bool
    consents: tuple[Given, ...]
    """To marketing contacts, by channel and product kind."""
    held_out: bool
    profile: ProfileFacts | None = None
    scores: tuple[tuple[str, StoredScore], ...] = ()
    opportunities: tuple[LiveOpportunity, ...] = ()
    contacts: tuple[PastContact, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    held_out_by: str | None = None
    """The campaign whose control group the customer is in, or `universal`: for auditors only."""
    score_source: Literal["stored", "fresh"] = "stored"
    audience: Literal["staff", "customer"] = "staff"
    """Who reads the answer: customers see nothing internal."""
    rules: int = RULES

    @property
    def for_customer(self) -> bool:
        """Whether the customer themselves read the answer."""
        return self.audience == "customer"

    def to_json(self, policy: bytes | None = None) -> bytes:
        """The inputs as they are stored; `policy` is the policy's JSON where the caller has it already."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["policy"] = orjson.Fragment(policy or policy_json(self.policy))
        return orjson.dumps(fields, option=orjson.OPT_UTC_Z)

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """The inputs as they were; KeyError or ValueError if they are not of this shape."""
        raw: dict[str, Any] = orjson.loads(body)
        raw["as_of"] = datetime.fromisoformat(raw["as_of"])
        raw["today"] = date.fromisoformat(raw["today"])
        raw["consents"] = _consents(raw)
        raw["policy"] = ContactPolicy.model_validate(raw["policy"])
        raw["party"] = _party(raw["party"])
        raw["profile"] = _profile(raw["profile"])
        raw["scores"] = tuple((model, StoredScore(**score)) for model, score in raw["scores"])
        raw["opportunities"] = tuple(
            LiveOpportunity(**o | {"business_date": date.fromisoformat(o["business_date"])})
            for o in raw["opportunities"]
        )
        raw["contacts"] = tuple(PastContact.from_json(c) for c in raw["contacts"])
        raw["suppressions"] = tuple(Suppression.from_json(s) for s in raw.get("suppressions", ()))
        return cls(**raw)


def policy_json(policy: ContactPolicy) -> bytes:
    """The contact policy as inputs carry it."""
    return orjson.dumps(policy.model_dump(mode="json"))


def _consents(raw: dict[str, Any]) -> tuple[Given, ...]:
    """As stored; decisions from before consents were divided know one answer for everything."""
    if "consents" in raw:
        return tuple(Given(**given) for given in raw["consents"])
    general: bool | None = raw.pop("marketing_consent")
    return () if general is None else (Given(ANY, ANY, general),)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _party(raw: dict[str, Any] | None) -> PartyFacts | None:
    if raw is None:
        return None
    rated_on, valid_until = _day(raw["risk_rated_on"]), _day(raw.get("risk_valid_until"))
    return PartyFacts(_day(raw["birth_date"]), raw["risk_rating"], rated_on, tuple(raw["held"]), valid_until)


def _profile(raw: dict[str, Any] | None) -> ProfileFacts | None:
    if raw is None:
        return None
    # Decisions made before stages were known say so when they are replayed.
    as_of = date.fromisoformat(raw["as_of"])
    return ProfileFacts(as_of, raw["balance_minor"], raw["value_quadrant"], raw.get("lifecycle"))
