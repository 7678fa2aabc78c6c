"""One field that a condition may read: its type, its bounds, and what a bank has to know before it is read. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from attune_contracts.features import Level
from attune_expressions.tree import Base, Shape

FieldType = Literal["bool", "int", "money", "float", "text", "date", "ts", "tags"]
Grain = Literal["customer", "account", "posting", "event"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)
# What a field may hold at most where it does not say less; the contract of its dataset holds it to that.
LARGEST: dict[FieldType, int] = {
    "int": 2**53,
    "money": 10**13,
    "float": 10**15,
    "text": 10_000,
    "date": 150_000,
    "ts": 150_000 * 86_400,
}
SMALLEST_FLOAT = 1e-15
# A field may hold a last day such as 9999-12-31 where it says so; nothing is then added to it.
_MOST: dict[FieldType, int] = {"date": 2_932_896, "ts": 2_932_897 * 86_400}
_BASES: dict[FieldType, Base] = {
    "bool": "bool", "int": "fixed", "money": "fixed", "float": "float", "text": "text", "date": "date", "ts": "ts",
    "tags": "tags",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field. `column` is what rows and tables call it; `largest` the magnitude that it never exceeds: of minor
    units for money, of the length for a text, of the distance from 1970-01-01 for a date (days) and a moment (seconds).

    A double is finite, and 0 or at least 1e-15; a moment is in UTC; a text holds no NUL. NULL is what is not known.
    """

    name: str
    type: FieldType
    zh: str
    en: str
    meaning: str = ""
    unit: str = ""
    grain: Grain = "customer"
    owner: str = ""
    freshness: str = ""
    level: Level = "C2"
    purpose: str = ""
    nullable: bool = True
    column: str = ""
    largest: int | None = None

    @property
    def source(self) -> str:
        """What rows and tables call it."""
        return self.column or self.name

    @property
    def shape(self) -> Shape:
        """What its values are to the types."""
        bound = LARGEST.get(self.type, 0) if self.largest is None else self.largest
        return Shape(
            base=_BASES[self.type],
            money=self.type == "money",
            bound=bound,
            tiny=SMALLEST_FLOAT if self.type == "float" else 0.0,
        )

    def fault(self) -> str | None:
        """What is wrong with the definition; None if nothing."""
        if not NAME.fullmatch(self.name):
            return "a name is small letters, digits and _, and starts with a letter"
        if self.type not in (*LARGEST, "bool", "tags"):
            return f"there is no type {self.type}"
        if self.level not in ("C1", "C2"):
            return "only the levels C1 and C2 are read by conditions"
        if not self.zh or not self.en:
            return "a field has a label in both languages"
        most = _MOST.get(self.type, LARGEST.get(self.type))
        if self.largest is not None and (most is None or not 0 < self.largest <= most):
            return f"largest lies between 1 and {most}" if most else f"a {self.type} has no largest"
        return None
