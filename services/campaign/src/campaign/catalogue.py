"""The offer catalogue: typed conditions and scripts, read once per version and compiled for deciding. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from campaign import texts
from campaign.money import decimal_text
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
    name: Names


class Script(BaseModel):
    """What staff say, or what the screen shows, for one offer on one channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: int = Field(ge=1)
    offer: str
    channel: str
    zh: str
    en: str


@dataclass(frozen=True)
class Customer:
    """What conditions ask about. `balance_minor` is None where the profile may not be read."""

    age: int | None
    held: frozenset[str]
    balance_minor: int | None
    profiled: bool


@dataclass(frozen=True)
class Catalogue:
    """All offers and scripts of one version, ready for deciding."""

    version: int
    marketing: tuple[Offer, ...]
    service: tuple[Offer, ...]
    scripts: dict[tuple[str, str], Script] = field(repr=False)

    def script(self, offer: str, channel: str) -> Script | None:
        """The offer's script for the channel, else the counter's."""
        return self.scripts.get((offer, channel)) or self.scripts.get((offer, "counter"))


def snapshot(offers: Iterable[Offer], scripts: Iterable[Script]) -> tuple[bytes, str]:
    """The catalogue's content as canonical JSON, and its SHA-256: a decision's version points at it for ever."""
    content = {
        "offers": [o.model_dump(mode="json") for o in sorted(offers, key=lambda o: o.code)],
        "scripts": [s.model_dump(mode="json") for s in sorted(scripts, key=lambda s: s.id)],
    }
    body = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return body, hashlib.sha256(body).hexdigest()


def compile_catalogue(version: int, content: bytes) -> Catalogue:
    """Read a snapshot: done once per version and process."""
    raw: dict[str, list[dict[str, Any]]] = orjson.loads(content)
    offers = [Offer.model_validate(o) for o in raw["offers"]]
    scripts = [Script.model_validate(s) for s in raw["scripts"]]
    return Catalogue(
        version=version,
        marketing=tuple(o for o in offers if o.kind == "marketing"),
        service=tuple(o for o in offers if o.kind == "service"),
        scripts={(s.offer, s.channel): s for s in scripts},
    )


def ineligible(offer: Offer, customer: Customer) -> Text | None:
    """Why the customer is not eligible; None if they are. Balances are asked of profiled customers only (R-02)."""
    c = offer.conditions
    too_young = c.age_min is not None and (customer.age is None or customer.age < c.age_min)
    too_old = c.age_max is not None and (customer.age is None or customer.age > c.age_max)
    if too_young or too_old:
        return texts.age_outside(c.age_min, c.age_max)
    for product in c.product_not_held:
        if product in customer.held:
            return texts.held_already(product)
    if customer.profiled and c.minimum_balance_minor is not None:
        balance = customer.balance_minor
        if balance is None or balance < c.minimum_balance_minor:
            return texts.balance_below(decimal_text(c.minimum_balance_minor, offer.currency), offer.currency)
    return None


def age_on(birth_date: date | None, day: date) -> int | None:
    """Whole years on this day; None if the birth date is unknown."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
