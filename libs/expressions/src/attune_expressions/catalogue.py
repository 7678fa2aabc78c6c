"""The fields that conditions may read: the platform's features, what a posting says, and a bank's own beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from attune_contracts import features
from attune_expressions.fields import Field, FieldType, Grain
from attune_expressions.tree import Node
from attune_expressions.words import CLOCKS, TAKEN

_TYPES: dict[str, FieldType] = {
    "INTEGER": "int", "BIGINT": "int", "DOUBLE": "float", "BOOLEAN": "bool", "VARCHAR": "text", "DATE": "date",
}  # fmt: skip
# What a number of this unit never exceeds.
_LARGEST = {"days": 100_000, "months": 1_200, "years": 200, "count": 2**31}
_POSTING = "with each posting"


class CatalogueFault(ValueError):
    """A field that cannot be: which one, where it is written, and why."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place, self.why = place, why


@dataclass(frozen=True)
class Catalogue:
    """Fields by name. `digits` are the decimals of the bank's base currency; at most one field holds tags.

    `meanings` are what a bank's own fields stand for: no row has them, their meaning is read in their place.
    """

    fields: Mapping[str, Field]
    digits: int = 2
    meanings: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name, known in self.fields.items():
            fault = known.fault() or name_fault(name)
            if fault or name != known.name:
                raise CatalogueFault(name, fault or f"it is called {known.name}")
        if sum(one.type == "tags" for one in self.fields.values()) > 1:
            raise CatalogueFault("tags", "one field holds tags, not two")

    @cached_property
    def tags(self) -> Field | None:
        """The field that has_tag asks; None if there is none."""
        return next((one for one in self.fields.values() if one.type == "tags"), None)

    def of(self, *grains: Grain) -> "Catalogue":
        """The fields of these grains alone."""
        return replace(self, fields={name: f for name, f in self.fields.items() if f.grain in grains})

    def with_fields(self, added: Iterable[Field]) -> "Catalogue":
        """This catalogue and more fields; CatalogueFault where a name is taken."""
        known = dict(self.fields)
        for one in added:
            if one.name in known:
                raise CatalogueFault(one.name, "there is a field of this name")
            known[one.name] = one
        return replace(self, fields=known)


def standard(digits: int = 2) -> Catalogue:
    """What every bank has: the features of a customer, the customer's tags and the day they are of, and a posting."""
    found = (*(_feature(feature) for feature in features.CATALOGUE.values()), *_CUSTOMER, *_POSTINGS)
    return Catalogue({one.name: one for one in found}, digits)


def name_fault(name: str) -> str | None:
    """Why no field has this name: a word of the language, or one that a reader takes for something else."""
    if name in TAKEN or name in CLOCKS:
        return "it is a word of the language"
    try:
        found = parse_one(name, read="duckdb")
    except SqlglotError:
        found = None
    bare = type(found) is exp.Column and found.name == name and not found.table
    return None if bare else "it is read as something else than a name"


def _feature(feature: features.Feature) -> Field:
    money = feature.unit == "minor"
    return Field(
        name=feature.name.removesuffix("_minor") if money else feature.name,
        type="money" if money else _TYPES[feature.type],
        zh=feature.zh,
        en=feature.en,
        meaning=feature.meaning,
        unit="money" if money else feature.unit,
        owner="insight",
        freshness=features.FRESHNESS,
        level=feature.level,
        purpose=feature.purpose,
        nullable=feature.nullable,
        column=feature.name,
        largest=_LARGEST.get(feature.unit) if feature.type in ("INTEGER", "BIGINT") and not money else None,
    )


def _of_posting(name: str, kind: FieldType, zh: str, en: str, meaning: str, **more: Any) -> Field:
    return Field(
        name, kind, zh, en, meaning, grain="posting", owner="ledger", freshness=_POSTING, purpose="flow", **more
    )


_CUSTOMER = (
    Field("as_of", "date", "数据日期", "As of", "the business day that the features are of", "day", owner="insight",
          freshness=features.FRESHNESS, level="C1", purpose="life_cycle", nullable=False),
    Field("tags", "tags", "标签", "Tags", "tags in force that conditions may read", owner="customer-360",
          freshness="within seconds of a change", purpose="life_cycle", nullable=False),
)  # fmt: skip
_POSTINGS = (
    _of_posting("amount", "money", "交易金额", "Amount", "of the posting, never negative", unit="money",
                nullable=False, column="amount_minor"),
    _of_posting("direction", "text", "借贷方向", "Direction", "credit or debit, seen from the customer",
                nullable=False, unit="code", level="C1"),
    _of_posting("kind", "text", "交易类型", "Kind", "the bank's code of the posting", nullable=False, unit="code"),
    _of_posting("channel", "text", "交易渠道", "Channel", "the bank's code; NULL where it is not known", unit="code"),
    _of_posting("account_kind", "text", "账户类别", "Account kind", "demand, time, wealth, loan or card",
                nullable=False, unit="code", level="C1"),
    _of_posting("business_date", "date", "记账日", "Business date", "of the posting (X2)", nullable=False, unit="day",
                level="C1"),
    _of_posting("booked_at", "ts", "入账时刻", "Booked at", "in UTC", unit="moment"),
)  # fmt: skip
