"""Money at the HTTP edge: decimal strings with the currency's own places; inside, integer minor units."""

from decimal import Decimal

# ISO 4217 currencies whose minor unit is not a hundredth.
_WHOLE = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_PLACES = dict.fromkeys(_WHOLE, 0) | dict.fromkeys(_THOUSANDTHS, 3)
LARGEST_MINOR = 10**13


class NotAnAmount(ValueError):
    """The text has more places than the currency, or is too large."""


def places(currency: str) -> int:
    """The decimal places of a currency."""
    return _PLACES.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """The amount in minor units; raises NotAnAmount if it is not a whole number of them."""
    scaled = amount.scaleb(places(currency))
    if not scaled.is_finite() or scaled < 0 or scaled > LARGEST_MINOR or scaled != int(scaled):
        raise NotAnAmount("not an amount of this currency")
    return int(scaled)


def to_text(minor: int, currency: str) -> str:
    """Minor units as a decimal string, e.g. 3578400 → "35784.00"."""
    digits = places(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"
