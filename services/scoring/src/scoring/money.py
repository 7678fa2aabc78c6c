"""Money at the edge: decimal strings with the currency's own places; inside, integer minor units. Pure."""

from decimal import Decimal

# ISO 4217 currencies whose minor unit is not a hundredth.
_PLACES = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "JOD": 3, "TND": 3}


def to_text(minor: int, currency: str | None) -> str:
    """Minor units as a decimal string, e.g. 3578400 of CNY → "35784.00"."""
    digits = _PLACES.get(currency or "", 2)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"
