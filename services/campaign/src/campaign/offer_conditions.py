"""Who is eligible, in the condition language: typed conditions become texts of it, an offer may bring its own. Pure.

One semantics for all of them (X33): a condition that meets an unknown value is not fulfilled, for it is not TRUE.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from attune_contracts.features import FRESHNESS
from attune_expressions.catalogue import Catalogue
from attune_expressions.condition import Condition, parse
from attune_expressions.explaining import explain
from attune_expressions.fields import Field
from attune_expressions.one_row import Row, compiled
from attune_expressions.own_fields import OwnField, extended
from campaign.money import decimal_text, places
from campaign.texts import Text

_SECONDS = "within seconds of a change"
_FIELDS = (
    Field("age", "int", "年龄", "Age", "whole years on the day", "years", owner="customer-360", freshness=_SECONDS,
          purpose="demography", largest=200),
    Field("held", "tags", "持有产品", "Products held", "product ids and kinds, asked by has_tag", owner="customer-360",
          freshness="with each import", purpose="product", nullable=False),
    Field("risk_rating", "text", "风险评级", "Risk rating", "C1 to C5, as last given", "code", owner="customer-360",
          freshness=_SECONDS, purpose="suitability", largest=8),
    Field("balance", "money", "余额", "Balance", "with the deposits since the snapshot", "money", owner="insight",
          freshness="each snapshot, and with each deposit", purpose="value", column="balance_minor"),
    Field("value_quadrant", "text", "价值象限", "Value quadrant", "A, B, C, D or private", "code", owner="insight",
          freshness=FRESHNESS, purpose="value", largest=64),
    Field("lifecycle", "text", "生命周期阶段", "Life-cycle stage", "new, honeymoon, growth, mature, decline or lost",
          "code", owner="insight", freshness=FRESHNESS, purpose="life_cycle", largest=64),
)  # fmt: skip
Own = tuple[OwnField, ...]
"""A bank's own fields, as far as they are of customers."""
# Typed minima are in minor units: the currency that they are written in says nothing else.
_ANY = "CNY"
# Read of customers who have agreed to personalised decisions only.
_OF_THE_PROFILE = frozenset({"balance", "value_quadrant", "lifecycle"})


@dataclass(frozen=True)
class Where:
    """A condition ready to be asked; `profiled` says that it reads the profile."""

    condition: Condition
    holds: Callable[[Row], bool]
    profiled: bool


@lru_cache(maxsize=4096)
def where(text: str, currency: str, own: Own = ()) -> Where:
    """A condition over what is known of a customer when an offer is decided; Refused."""
    condition = parse(text, facts(currency, own))
    reads = {field.name for field in condition.fields}
    return Where(condition, compiled(condition), bool(reads & _OF_THE_PROFILE))


@lru_cache(maxsize=64)
def facts(currency: str, own: Own = ()) -> Catalogue:
    """What conditions of offers may read; amounts have the currency's decimals."""
    return extended(Catalogue({field.name: field for field in _FIELDS}, places(currency)), own)


def named(text: str, currency: str, own: Own) -> Own:
    """Those of the bank's own fields that a condition reads; Refused."""
    read = {field.name for field in where(text, currency, own).condition.fields}
    return tuple(field for field in own if field.name in read)


def of_age(low: int | None, high: int | None) -> Where | None:
    """Typed ages as a condition; None where nothing is asked."""
    parts = [f"age >= {low}"] if low is not None else []
    parts += [f"age <= {high}"] if high is not None else []
    return where(" AND ".join(parts), _ANY) if parts else None


def of_balance(minimum_minor: int | None) -> Where | None:
    """A typed minimum as a condition; None where nothing is asked."""
    return None if minimum_minor is None else where(f"balance >= {decimal_text(minimum_minor, _ANY)}", _ANY)


@lru_cache(maxsize=4096)
def where_text(text: str, currency: str, own: Own = ()) -> Text:
    """What an offer asks for, in words."""
    condition = where(text, currency, own).condition
    zh, en = explain(condition, "zh").sentence, explain(condition, "en").sentence
    return {"zh": f"产品要求:{zh}", "en": f"the offer asks that {en}"}


def row(**known: Any) -> Row:
    """What is known of a customer; what is not named is not known."""
    return {field.source: known.get(field.source) for field in _FIELDS}
