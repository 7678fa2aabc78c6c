"""The fields that a trigger's conditions may read, by what it listens to (docs/reference/triggers.md). Pure."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from attune_expressions.catalogue import Catalogue, standard
from attune_expressions.condition import Condition, parse
from attune_expressions.fields import Field, FieldType
from attune_expressions.own_fields import Grain, OwnField, extended
from eventing.definition import Source


def _field(name: str, kind: FieldType, zh: str, en: str, meaning: str, **more: Any) -> Field:
    return Field(name, kind, zh, en, meaning, grain="event", owner="eventing", freshness="with each fact", **more)


_NEW_MONEY = _field(
    "new_money",
    "bool",
    "新资金",
    "New money",
    "no own transfer, no maturity, no loan pay-out, no reversal",
    purpose="flow",
)
_BEHAVIOURS = (
    _field("behaviour", "text", "行为", "Behaviour", "its kind, e.g. product_viewed", unit="code", purpose="behaviour"),
    _field("product", "text", "产品", "Product", "that was looked at", unit="code", purpose="behaviour"),
    _field("step", "text", "步骤", "Step", "of an application", unit="code", purpose="behaviour"),
    _field("seconds", "int", "停留秒数", "Seconds", "how long", unit="count", purpose="behaviour", largest=10**6),
)
_DATES = (
    _field("product", "text", "产品", "Product", "of the holding", unit="code", purpose="maturity"),
    _field("product_kind", "text", "产品类别", "Product kind", "of the holding", unit="code", purpose="maturity"),
    _field(
        "amount", "money", "金额", "Amount", "of the holding", unit="money", column="amount_minor", purpose="maturity"
    ),
    _field("due_date", "date", "日期", "Date", "the date itself", unit="day", purpose="maturity"),
)


Own = tuple[OwnField, ...]
"""A bank's own fields, as far as they are of facts."""


@lru_cache(maxsize=64)
def catalogue(on: tuple[Source, ...], digits: int = 2, own: Own = ()) -> Catalogue:
    """What a condition of a trigger on these sources may read; `digits` are the base currency's decimals."""
    postings = standard(digits).of("posting").fields
    fields: dict[str, Field] = {}
    if "postings" in on:
        fields |= dict(postings) | _named([_NEW_MONEY])
    if "behaviours" in on:
        fields |= {name: postings[name] for name in ("channel", "business_date")} | _named(_BEHAVIOURS)
    if "dates" in on:
        fields |= _named(_DATES)
    if len(on) > 1:
        # Those of the other source are NULL.
        fields = {name: replace(field, nullable=True) for name, field in fields.items()}
    return extended(Catalogue(fields, digits), own)


def all_catalogues(digits: int = 2) -> dict[Grain, tuple[Catalogue, ...]]:
    """What a bank's own fields may be read over, by their grain: a posting, or whatever else triggers listen to."""
    both = catalogue(("postings", "behaviours"), digits)
    others = catalogue(("behaviours",), digits), catalogue(("dates",), digits)
    return {"posting": (catalogue(("postings",), digits), both), "event": (*others, both)}


def read(text: str, on: tuple[Source, ...], digits: int = 2, own: Own = ()) -> Condition:
    """A condition of a trigger, checked; refuses as the conditions' language does."""
    return parse(text, catalogue(on, digits, own))


def _named(fields: Iterable[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}
