"""How tasks are handled: outcome codes and what each does, opening hours, which hours the clock counts. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, model_validator

from attune_contracts.ledger import Code
from attune_service_kit.bodies import Body
from campaign import local_time
from campaign.business_days import is_business_day
from campaign.contact_policy import Hours

Label = Annotated[str, Field(min_length=1, max_length=40)]


class Labels(Body):
    """What a disposition is called."""

    model_config = ConfigDict(frozen=True)

    zh: Label
    en: Label


class Disposition(Body):
    """An outcome code, and what it does to the contact, to the opportunities and to the task."""

    model_config = ConfigDict(frozen=True)

    code: Code
    label: Labels
    contact: Literal["confirmed", "released"] = Field(description="confirmed: it counts; released: nobody was reached")
    opportunity: Literal["acted", "waits"] = Field(description="acted: its clock stops; waits: it runs on")
    task: Literal["done", "again", "call_back"] = Field(
        description="again: open once more after a pause; call_back: open once more at an agreed moment"
    )
    pause_minutes: int = Field(default=0, ge=0, le=10_080)
    suppress_days: Annotated[int, Field(ge=1, le=3_660)] | Literal["permanent"] | None = Field(
        default=None, description="The customer is not to be contacted for so long; null: no suppression"
    )

    @model_validator(mode="after")
    def _comes_back_uncontacted(self) -> Self:
        ends = self.contact == "confirmed" or self.opportunity == "acted" or self.suppress_days is not None
        if self.task != "done" and ends:
            raise ValueError("a task that comes back releases its contact, lets the clock run and suppresses nobody")
        return self


class OpeningHours(Hours):
    """When a channel works."""

    business_days: bool = Field(default=False, description="Only on the bank's business days")

    def open_at(self, moment: datetime, zone: str) -> bool:
        """Whether the channel works at this moment."""
        day = moment.astimezone(ZoneInfo(zone)).date()
        return (not self.business_days or is_business_day(day)) and self.cover(moment, zone)

    def next_open(self, moment: datetime, zone: str) -> datetime:
        """This moment, if the channel works then, else its next opening."""
        if self.open_at(moment, zone):
            return moment
        day = moment.astimezone(ZoneInfo(zone)).date()
        for days in range(60):
            for opens in local_time.moments(day + timedelta(days=days), self.start, zone):
                if opens >= moment and self.open_at(opens, zone):
                    return opens
        return moment


class ClockHours(OpeningHours):
    """Which hours the opportunities' clock counts: those of the calendar, or working hours of business days (X1)."""

    count: Literal["calendar", "working"]
    business_days: bool = True

    def after(self, moment: datetime, hours: int, zone: str) -> datetime:
        """The moment so many of these hours later."""
        left = timedelta(hours=hours)
        if self.count == "calendar":
            return moment + left
        while True:
            moment = self.next_open(moment, zone)
            ends = self.end_after(moment, zone)
            if moment + left <= ends:
                return moment + left
            left -= ends - moment
            moment = ends


class Handling(Body):
    """One version of the handling policy."""

    model_config = ConfigDict(frozen=True)

    dispositions: tuple[Disposition, ...] = Field(min_length=1, max_length=50)
    opening_hours: dict[str, OpeningHours] = Field(
        default_factory=dict, max_length=20, description="By channel; a channel that is not named is always open"
    )
    max_attempts: int | None = Field(
        default=None, ge=1, le=100, description="So many times nobody is reached, then the task is done; null: no limit"
    )
    hours: ClockHours

    @model_validator(mode="after")
    def _sound(self) -> Self:
        codes = [d.code for d in self.dispositions]
        if len(set(codes)) != len(codes):
            raise ValueError("a code stands twice")
        # Over midnight no day could be said to be a working day.
        if self.hours.count == "working" and self.hours.start >= self.hours.end:
            raise ValueError("working hours end on the day on which they start")
        return self

    def disposition(self, code: str) -> Disposition | None:
        """The disposition of this code."""
        return next((d for d in self.dispositions if d.code == code), None)

    def next_open(self, channel: str, moment: datetime, zone: str) -> datetime:
        """This moment, or the channel's next opening."""
        hours = self.opening_hours.get(channel)
        return hours.next_open(moment, zone) if hours else moment

    def open_at(self, channel: str, moment: datetime, zone: str) -> bool:
        """Whether the channel works at this moment."""
        hours = self.opening_hours.get(channel)
        return hours is None or hours.open_at(moment, zone)


@dataclass(frozen=True)
class Clock:
    """The opportunities' clock, in the bank's zone."""

    hours: ClockHours
    zone: str

    def after(self, moment: datetime, hours: int) -> datetime:
        """The moment so many hours later."""
        return self.hours.after(moment, hours, self.zone)
