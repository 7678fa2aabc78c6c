"""Offers, scripts and their typed conditions. Pure; `offer_index` compiles a whole catalogue for deciding."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from attune_expressions.one_row import Row
from attune_expressions.own_fields import OwnField
from campaign import offer_conditions, texts
from campaign.money import decimal_text
from campaign.offer_conditions import Where
from campaign.texts import Text

RiskLevel = Literal["R1", "R2", "R3", "R4", "R5"]


class Names(BaseModel):
    """A name in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str
    en: str


class Conditions(BaseModel):
    """Who is eligible. A condition that is not set asks nothing; one that meets an unknown value is not fulfilled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    age_min: int | None = Field(default=None, ge=0, le=150)
    age_max: int | None = Field(default=None, ge=0, le=150)
    product_not_held: tuple[str, ...] = Field(default=(), description="Product ids or kinds")
    minimum_balance_minor: int | None = Field(default=None, ge=0)
    rating_invalid: bool = Field(default=False, description="Service offers: only where the risk rating is not valid")
    where: str | None = Field(default=None, description="A condition of the language; the typed ones come first")

    fields: tuple[OwnField, ...] = Field(default=(), description="The bank's own fields that it reads, as they were")

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a text, or own fields, there is no key: a catalogue from before there were any keeps its bytes."""
        found: dict[str, Any] = handler(self)
        if self.where is None:
            del found["where"]
        if not self.fields:
            del found["fields"]
        return found


class Offer(BaseModel):
    """What may be proposed. `expected_margin_minor` is the offer sheet's value (X31); service offers have none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    version: int = Field(ge=1)
    kind: Literal["marketing", "service"] = "marketing"
    product_id: str | None = None
    product_kind: str | None = None
    risk_level: RiskLevel | None = None
    currency: str = "CNY"
    expected_margin_minor: int | None = None
    lever: float = Field(default=1.0, ge=0, le=10)
    models: tuple[str, ...] = Field(default=(), description="The first model with a score gives the propensity")
    base_propensity: float = Field(default=0.0, ge=0, le=1, description="Used where no model has a score")
    context: dict[str, float] = Field(
        default_factory=dict, description="Weight while an opportunity of a trigger lives"
    )
    conditions: Conditions = Conditions()
    enabled: bool = Field(default=True, description="A switched-off offer is kept, but proposed to nobody")
    name: Names


class Script(BaseModel):
    """What staff say, or what the screen shows, for one offer on one channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: int = Field(ge=1)
    offer: str
    channel: str
    enabled: bool = True
    zh: str
    en: str


@dataclass(frozen=True)
class Customer:
    """What conditions ask about. `balance_minor` is None where the profile may not be read."""

    age: int | None
    held: frozenset[str]
    balance_minor: int | None
    profiled: bool
    risk_rating: str | None = None
    value_quadrant: str | None = None
    lifecycle: str | None = None

    def row(self) -> Row:
        """What conditions in the language read."""
        return offer_conditions.row(
            age=self.age,
            held=self.held,
            risk_rating=self.risk_rating,
            balance_minor=self.balance_minor,
            value_quadrant=self.value_quadrant,
            lifecycle=self.lifecycle,
        )


def snapshot(offers: Iterable[Offer], scripts: Iterable[Script]) -> tuple[bytes, str]:
    """The catalogue's content as canonical JSON, and its SHA-256: a decision's version points at it for ever."""
    content = {
        "offers": [o.model_dump(mode="json") for o in sorted(offers, key=lambda o: o.code)],
        "scripts": [s.model_dump(mode="json") for s in sorted(scripts, key=lambda s: s.id)],
    }
    body = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return body, hashlib.sha256(body).hexdigest()


def read_snapshot(content: bytes) -> tuple[list[Offer], list[Script]]:
    """The offers and scripts of a snapshot, those that are switched off too."""
    raw: dict[str, list[dict[str, Any]]] = orjson.loads(content)
    return [Offer.model_validate(o) for o in raw["offers"]], [Script.model_validate(s) for s in raw["scripts"]]


# The conditions, one function each: asked here of one customer, by `offer_index` of all offers at once.


def wrong_age(conditions: Conditions, age: int | None) -> bool:
    """Whether the customer is outside the offer's ages; an unknown age is outside any."""
    asked = age_condition(conditions)
    return asked is not None and not asked.holds({"age": age})


def held_already(conditions: Conditions, held: Collection[str]) -> str | None:
    """The first product or kind that excludes the offer because the customer holds it."""
    return next((product for product in conditions.product_not_held if product in held), None)


def balance_short(conditions: Conditions, balance_minor: int | None) -> bool:
    """Whether the balance is below the offer's minimum; an unknown balance is below any."""
    asked = balance_condition(conditions)
    return asked is not None and not asked.holds({"balance_minor": balance_minor})


def age_condition(conditions: Conditions) -> Where | None:
    """The typed ages in the language."""
    return offer_conditions.of_age(conditions.age_min, conditions.age_max)


def balance_condition(conditions: Conditions) -> Where | None:
    """The typed minimum in the language."""
    return offer_conditions.of_balance(conditions.minimum_balance_minor)


def elsewhere(asked: Where, customer: Customer) -> bool:
    """Whether an offer's own condition is not fulfilled; one over the profile is asked of profiled customers only."""
    return (customer.profiled or not asked.profiled) and not asked.holds(customer.row())


def ineligible(offer: Offer, customer: Customer) -> Text | None:
    """Why the customer is not eligible; None if they are. Balances are asked of profiled customers only (R-02)."""
    if wrong_age(offer.conditions, customer.age):
        return age_text(offer)
    if (product := held_already(offer.conditions, customer.held)) is not None:
        return texts.held_already(product)
    if customer.profiled and balance_short(offer.conditions, customer.balance_minor):
        return balance_text(offer)
    if (own := own_condition(offer)) is not None and elsewhere(own, customer):
        asked = offer.conditions
        return offer_conditions.where_text(asked.where or "", offer.currency, asked.fields)
    return None


def own_condition(offer: Offer) -> Where | None:
    """The condition that the offer brings in the language; None if it brings none."""
    asked = offer.conditions
    return None if asked.where is None else offer_conditions.where(asked.where, offer.currency, asked.fields)


def age_text(offer: Offer) -> Text:
    """For whom the offer is, by age."""
    return texts.age_outside(offer.conditions.age_min, offer.conditions.age_max)


def balance_text(offer: Offer) -> Text:
    """Which balance the offer asks for."""
    return texts.balance_below(
        decimal_text(offer.conditions.minimum_balance_minor or 0, offer.currency), offer.currency
    )


def age_on(birth_date: date | None, day: date) -> int | None:
    """Whole years on this day; None if the birth date is unknown."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
