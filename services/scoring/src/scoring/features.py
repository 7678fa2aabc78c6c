"""What a model may see: the catalogue's usable features, and how a detection's evidence moves them."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from math import isnan

import numpy as np
from numpy.typing import NDArray

from attune_contracts.features import USABLE
from attune_contracts.scoring import HASH_DIGITS

Floats = NDArray[np.float32]
"""Rows as models take them; NaN = unknown."""

# Every usable feature, in the catalogue's order; false and true are 0 and 1, NULL is NaN.
NUMERIC: tuple[str, ...] = USABLE

# What a credit of so many minor units, newer than the feature row, makes of a feature (X17). The rest stays.
OVERRIDES: Mapping[str, Callable[[float, int], float]] = {
    "demand_balance_minor": lambda value, amount: value + amount,
    "aum_minor": lambda value, amount: value + amount,
    "aum_change_90d_minor": lambda value, amount: value + amount,
    "demand_change_30d_minor": lambda value, amount: value + amount,
    "inflow_30d_minor": lambda value, amount: value + amount,
    "inflow_90d_minor": lambda value, amount: value + amount,
    "inflow_180d_minor": lambda value, amount: value + amount,
    "largest_credit_30d_minor": lambda value, amount: max(value, amount),
    "postings_90d": lambda value, _: value + 1,
    "days_since_last_posting": lambda *_: 0.0,
}


def unusable(names: Sequence[str]) -> list[str]:
    """Return the names that no model may use: codes, what is barred, and what the catalogue does not know."""
    return [name for name in names if name not in NUMERIC]


def fingerprints(rows: Floats) -> list[str]:
    """Of each row: 16 hex digits of the sha256 of its values, little-endian float32 in the model's order (P-32)."""
    canonical = np.ascontiguousarray(np.where(np.isnan(rows), np.float32(np.nan), rows), dtype="<f4")
    width = canonical.shape[1] * canonical.itemsize
    raw = memoryview(canonical.tobytes())
    return [sha256(raw[at : at + width]).hexdigest()[:HASH_DIGITS] for at in range(0, len(raw), width)]


def with_evidence(names: Sequence[str], values: Sequence[float], amounts: Sequence[int]) -> list[float]:
    """Return a feature row as it stands after new credits of these amounts; what was unknown (NaN) counts from 0."""
    row = list(values)
    for index, name in enumerate(names):
        if (override := OVERRIDES.get(name)) is not None:
            value = row[index]
            for amount in amounts:
                value = override(0.0 if isnan(value) else value, amount)
            row[index] = value
    return row
