"""A whole catalogue as one function: every condition that offers share is asked once a decision (X17). Pure.

A set of offers is an integer with one bit an offer. Ages, held products, balances and risk levels each lead to the set
that they refuse, so that a decision over 500 offers costs a few look-ups, not 500 conditions. The sets are made from
the conditions' own functions in `catalogue`, which stay the only place where a condition is written.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from campaign.catalogue import (
    Customer,
    Offer,
    Script,
    age_condition,
    age_text,
    balance_condition,
    balance_text,
    elsewhere,
    own_condition,
    read_snapshot,
)
from campaign.money import decimal_text
from campaign.offer_conditions import Where, where_text
from campaign.suitability import DEPOSITS
from campaign.texts import Text

Offers = int
"""A set of offers: bit i stands for the i-th marketing offer."""


@dataclass(frozen=True)
class Steps:
    """What a number refuses: the sets change at `bounds` only, so `sets` is one longer."""

    bounds: tuple[int, ...]
    sets: tuple[Offers, ...]
    unknown: Offers

    def at(self, value: int | None) -> Offers:
        """The offers that this value refuses."""
        return self.unknown if value is None else self.sets[bisect_right(self.bounds, value)]


@dataclass(frozen=True)
class OfferIndex:
    """Which marketing offers a fact refuses."""

    everything: Offers
    by_age: Steps
    by_balance: Steps
    by_product: Mapping[str, Offers]
    by_risk: tuple[tuple[str, Offers], ...]
    """Offers that need a risk rating, by their level."""
    by_kind: tuple[tuple[str | None, Offers], ...]
    """All offers, by their product's kind."""
    by_own: tuple[tuple[Where, Offers], ...] = ()
    """Offers that bring a condition in the language; each text is asked once."""

    def wrong_age(self, customer: Customer) -> Offers:
        """Offers for another age."""
        return self.by_age.at(customer.age)

    def held_already(self, customer: Customer) -> Offers:
        """Offers that something the customer holds excludes."""
        refused = 0
        for product in customer.held:
            refused |= self.by_product.get(product, 0)
        return refused

    def balance_short(self, customer: Customer) -> Offers:
        """Offers that ask for a higher balance; asked of profiled customers only (R-02)."""
        return self.by_balance.at(customer.balance_minor) if customer.profiled else 0

    def elsewhere(self, customer: Customer) -> Offers:
        """Offers whose own condition is not fulfilled."""
        refused = 0
        for asked, offers in self.by_own:
            if elsewhere(asked, customer):
                refused |= offers
        return refused


@dataclass(frozen=True)
class Catalogue:
    """All offers and scripts of one version, ready for deciding."""

    version: int
    marketing: tuple[Offer, ...]
    service: tuple[Offer, ...]
    switched_off: tuple[Offer, ...]
    scripts: Mapping[tuple[str, str], Script] = field(repr=False)
    index: OfferIndex = field(repr=False)
    rank: "RankIndex" = field(repr=False)
    rendered: "Rendered" = field(repr=False)

    def script(self, offer: str, channel: str) -> Script | None:
        """The offer's script for the channel, else the counter's."""
        return self.scripts.get((offer, channel)) or self.scripts.get((offer, "counter"))

    def position(self, code: str) -> int | None:
        """Where the marketing offer of this code stands."""
        return next((i for i, offer in enumerate(self.marketing) if offer.code == code), None)


@dataclass(frozen=True)
class RankIndex:
    """What arbitration multiplies, by position; model lists that offers share stand once."""

    base: tuple[float, ...]
    """Propensities where no model has a score."""
    worth: tuple[float, ...]
    """Value × lever."""
    model_lists: tuple[tuple[str, ...], ...]
    models_of: tuple[int, ...]
    """The position of the offer's list in `model_lists`."""
    weights: Mapping[str, tuple[tuple[int, float], ...]]
    """By trigger: the offers that it raises above 1, with their weight."""
    generic: tuple[int, ...]
    """The order in which offers go to whoever is not profiled."""


@dataclass(frozen=True)
class Rendered:
    """Parts of answers as JSON bytes, by position: the same in every answer of this version."""

    names: tuple[bytes, ...]
    values: tuple[bytes, ...]
    heads: tuple[bytes, ...]
    """`{"offer":…,"rule":` of an offer that is withheld."""
    by_age: tuple[bytes, ...]
    by_balance: tuple[bytes, ...]
    by_own: Mapping[int, bytes]
    scripts: Mapping[tuple[str, str], bytes]


def members(offers: Offers) -> list[int]:
    """The positions in a set, ascending: by code, for that is how a snapshot is sorted."""
    return [] if not offers else [i for i, bit in enumerate(bin(offers)[:1:-1]) if bit == "1"]


@lru_cache(maxsize=8)
def compile_catalogue(version: int, content: bytes) -> Catalogue:
    """Read a snapshot; the last few are kept, for what a version says never changes."""
    offers, scripts = read_snapshot(content)
    marketing = tuple(o for o in offers if o.kind == "marketing" and o.enabled)
    return Catalogue(
        version=version,
        marketing=marketing,
        service=tuple(o for o in offers if o.kind == "service" and o.enabled),
        switched_off=tuple(o for o in offers if not o.enabled),
        scripts={(s.offer, s.channel): s for s in scripts if s.enabled},
        index=_index(marketing),
        rank=_rank(marketing),
        rendered=_rendered(marketing, scripts),
    )


def worth(offer: Offer) -> float:
    """What an accepted offer brings: value × lever (X31)."""
    return (offer.expected_margin_minor or 0) * offer.lever


def priority(propensity: float, weight: float, worth: float) -> float:
    """Arbitration: propensity × context × worth."""
    return propensity * weight * worth


def _index(marketing: Sequence[Offer]) -> OfferIndex:
    conditions = [o.conditions for o in marketing]
    ages = {c.age_min for c in conditions} | {c.age_max + 1 for c in conditions if c.age_max is not None}
    minima = {c.minimum_balance_minor for c in conditions}
    by_product: dict[str, Offers] = {}
    for i, condition in enumerate(conditions):
        for product in condition.product_not_held:
            by_product[product] = by_product.get(product, 0) | 1 << i
    levels = sorted({o.risk_level for o in marketing if o.risk_level is not None})
    kinds = sorted({o.product_kind for o in marketing}, key=str)
    own = [own_condition(o) for o in marketing]
    return OfferIndex(
        everything=_set(True for _ in marketing),
        by_age=_steps(ages, "age", [age_condition(c) for c in conditions]),
        by_balance=_steps(minima, "balance_minor", [balance_condition(c) for c in conditions]),
        by_product=by_product,
        by_risk=tuple(
            (level, _set(o.risk_level == level and o.product_kind not in DEPOSITS for o in marketing))
            for level in levels
        ),
        by_kind=tuple((kind, _set(o.product_kind == kind for o in marketing)) for kind in kinds),
        by_own=tuple((asked, _set(o is asked for o in own)) for asked in dict.fromkeys(own) if asked is not None),
    )


def _steps(bounds: Collection[int | None], fact: str, asked: Sequence[Where | None]) -> Steps:
    """The sets that a number refuses, asked of the conditions themselves."""
    steps = sorted(bound for bound in bounds if bound is not None)

    def refused(value: int | None) -> Offers:
        known = {fact: value}
        return _set(one is not None and not one.holds(known) for one in asked)

    # Just below each bound, then at the last: between two bounds nothing changes.
    samples = [bound - 1 for bound in steps] + [steps[-1] if steps else 0]
    return Steps(tuple(steps), tuple(refused(sample) for sample in samples), refused(None))


def _set(contained: Iterable[bool]) -> Offers:
    return sum(1 << i for i, holds in enumerate(contained) if holds)


def _rank(marketing: Sequence[Offer]) -> RankIndex:
    lists = sorted({o.models for o in marketing})
    triggers = sorted({trigger for o in marketing for trigger in o.context})
    base, worths = tuple(o.base_propensity for o in marketing), tuple(worth(o) for o in marketing)
    return RankIndex(
        base=base,
        worth=worths,
        model_lists=tuple(lists),
        models_of=tuple(lists.index(o.models) for o in marketing),
        weights={t: tuple((i, w) for i, o in enumerate(marketing) if (w := o.context.get(t, 0)) > 1) for t in triggers},
        generic=tuple(sorted(range(len(marketing)), key=lambda i: (-priority(base[i], 1.0, worths[i]), i))),
    )


def _rendered(marketing: Sequence[Offer], scripts: Sequence[Script]) -> Rendered:
    return Rendered(
        names=tuple(orjson.dumps(o.name.model_dump()) for o in marketing),
        values=tuple(_value(o) for o in marketing),
        heads=tuple(orjson.dumps({"offer": o.code})[:-1] + b',"rule":' for o in marketing),
        by_age=tuple(_withheld(o, age_text(o)) for o in marketing),
        by_balance=tuple(_withheld(o, balance_text(o)) for o in marketing),
        by_own={
            i: _withheld(o, where_text(o.conditions.where, o.currency, o.conditions.fields))
            for i, o in enumerate(marketing)
            if o.conditions.where is not None
        },
        scripts={
            (s.offer, s.channel): orjson.dumps({"id": s.id, "version": s.version, "text": {"zh": s.zh, "en": s.en}})
            for s in scripts
            if s.enabled
        },
    )


def _value(offer: Offer) -> bytes:
    margin = offer.expected_margin_minor
    if margin is None:
        return b"null"
    return orjson.dumps({"amount": decimal_text(margin, offer.currency), "currency": offer.currency})


def _withheld(offer: Offer, text: Text) -> bytes:
    return orjson.dumps({"offer": offer.code, "rule": "eligibility", "text": text})
