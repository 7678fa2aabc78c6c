"""What a model of the feature snapshot's customers learns to tell: who does what afterwards, or who is alike. Pure."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from attune_contracts.ledger import Code
from attune_service_kit.bodies import Body
from scoring.unfit import unfit

Kinds = Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)]
Minor = Annotated[int, Field(ge=0, le=10**15)]


class _Strict(Body):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(_Strict):
    """The days in which the answer is looked for: after the snapshot, inside the ledger."""

    within_days: Annotated[int, Field(ge=1, le=730)]
    starts_on: date | None = Field(default=None, description="First day of the window; by default the day after as_of")


class Label(Window):
    """The positive class: customers with a posting of one of these kinds within so many days."""

    dataset: Literal["transactions"] = "transactions"
    kinds: Kinds


class Leaving(Window):
    """The positive class: of those with at least `had_minor` of assets, whoever has at most `has_minor` at the end."""

    had_minor: Minor
    has_minor: Minor

    @model_validator(mode="after")
    def _less(self) -> Self:
        if self.has_minor >= self.had_minor:
            raise unfit("leaving_unfit", "who leaves has less than before: has_minor below had_minor",
                        "has_minor 应小于 had_minor", "has_minor")  # fmt: skip
        return self


class Choice(Window):
    """One class of several: the channel that a customer uses most within so many days. Who uses none is left out."""

    by: Literal["channel"] = "channel"
    values: Annotated[tuple[Code, ...], Field(min_length=2, max_length=10)]

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.values)) != len(self.values):
            raise unfit("class_repeated", "a class is named twice", "类别重复", "values")
        return self


class Seeds(_Strict):
    """Whom to be alike: customers with a posting of one of `kinds` from `since` to `until`, or these `customers`."""

    kinds: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    since: date | None = None
    until: date | None = None
    customers: Annotated[tuple[UUID, ...], Field(max_length=20_000)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = bool(self.kinds) and self.since is not None and self.until is not None and self.since <= self.until
        if named == bool(self.customers) or (self.customers and (self.kinds or self.since or self.until)):
            raise unfit("seeds_unfit", "seeds are kinds with since and until, or customers",
                        "seeds 应为 kinds 加 since 与 until，或为 customers")  # fmt: skip
        return self

    @property
    def season(self) -> tuple[date, date] | None:
        """Its first and last day, where the seeds are named by one."""
        return None if self.since is None or self.until is None else (self.since, self.until)
