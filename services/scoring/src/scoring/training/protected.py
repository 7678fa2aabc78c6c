"""Which group of a protected attribute each of the lake's customers is in: reported on, not learned from (R-25)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = "unknown"
_AGE_BANDS = (30.0, 60.0)

Groups = dict[str, NDArray[np.str_]]


def age_bands(age: NDArray[Any]) -> NDArray[np.str_]:
    """The band of each age; NaN is unknown."""
    low, high = _AGE_BANDS
    bands = np.array([f"< {low:g}", f"{low:g} to {high:g}", f">= {high:g}"])
    known = bands[np.searchsorted(_AGE_BANDS, np.nan_to_num(age), side="right")]
    return np.where(np.isnan(age), UNKNOWN, known)


def groups(age: NDArray[Any], gender: NDArray[Any]) -> Groups:
    """The groups by attribute, from columns as DuckDB gives them; an attribute that nobody has is left out."""
    known = {
        "age": age_bands(np.ma.filled(age.astype(np.float64), np.nan)),
        "gender": np.ma.filled(gender.astype(object), UNKNOWN).astype(str),
    }
    return {name: of for name, of in known.items() if (of != UNKNOWN).any()}
