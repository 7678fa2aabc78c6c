"""Money at the edge: decimal strings with the currency's own places; minor units inside."""

# ISO 4217 currencies whose places are not two.
_PLACES = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "JOD": 3, "TND": 3}


def places(currency: str) -> int:
    """The decimals of a currency."""
    return _PLACES.get(currency, 2)


def decimal_text(minor: int, currency: str) -> str:
    """Minor units as a decimal string: (21400, "CNY") is "214.00"."""
    decimals = places(currency)
    if decimals == 0:
        return str(minor)
    whole, fraction = divmod(abs(minor), 10**decimals)
    return f"{'-' if minor < 0 else ''}{whole}.{fraction:0{decimals}d}"


def minor_units(text: str, currency: str) -> int:
    """A decimal string as minor units; ValueError if it has more places than the currency."""
    decimals = places(currency)
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.removeprefix("-").partition(".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or len(fraction) > decimals:
        raise ValueError(f"not an amount in {currency}: {text!r}")
    return sign * int(whole + fraction.ljust(decimals, "0"))
