"""Suitability: no product above the customer's risk rating, and no rating older than twelve months (R-13, R-14)."""

from dataclasses import dataclass
from datetime import date

from campaign import texts
from campaign.texts import Text

RATINGS = ("C1", "C2", "C3", "C4", "C5")

# Deposits carry no investment risk: they need no rating. Everything else with a risk level does.
DEPOSITS = frozenset({"demand_deposit", "time_deposit"})


@dataclass(frozen=True)
class RiskRating:
    """C1 to C5 with its day; None where the customer was never rated."""

    rating: str | None
    rated_on: date | None
    valid_until: date | None = None

    def valid_on(self, day: date) -> bool:
        """Whether the rating holds on this day: twelve months from the day it was given, or less if it says so."""
        if self.rating is None or self.rated_on is None:
            return False
        return day <= min(_one_year_after(self.rated_on), self.valid_until or date.max)


def unsuitable(risk_level: str | None, product_kind: str | None, rating: RiskRating, today: date) -> Text | None:
    """Why the product does not suit the customer; None if it does. "R3" suits "C3" and above."""
    if risk_level is None or product_kind in DEPOSITS:
        return None
    if rating.rating is None or rating.rated_on is None:
        return texts.no_valid_rating(risk_level, None)
    if not rating.valid_on(today):
        return texts.no_valid_rating(risk_level, rating.rated_on.isoformat())
    if int(risk_level[1:]) > int(rating.rating[1:]):
        return texts.above_rating(risk_level, rating.rating, rating.rated_on.isoformat())
    return None


def _one_year_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + 1, day=28)
