"""The rows that a bank's models score: forty features of the catalogue, always the same."""

from typing import Any

import numpy as np

from scoring.feature_specs import specs_of
from scoring.features import NUMERIC, Floats

NAMES = NUMERIC[:40]
_TYPES = {feature.name: feature.type for feature in specs_of(NAMES)}


def rows(count: int, seed: int = 2) -> Floats:
    """Customers as their features have them, in the order of NAMES; one value of thirty is unknown, flags apart."""
    rng = np.random.default_rng(seed)
    made = np.empty((count, len(NAMES)), dtype=np.float32)
    for column, name in enumerate(NAMES):
        match _TYPES[name]:
            case "BOOLEAN":
                made[:, column] = rng.random(count) < 0.3
            case "DOUBLE":
                made[:, column] = rng.random(count)
            case "INTEGER":
                made[:, column] = rng.integers(0, 1_000, count)
            case _:
                made[:, column] = np.exp(rng.normal(12, 2, count)).round()
        if _TYPES[name] != "BOOLEAN":
            made[rng.random(count) < 1 / 30, column] = np.nan
    return made


def named(values: Floats) -> list[dict[str, Any]]:
    """The same rows as JSON has them: by name, each of its type, null where it is unknown."""
    read = {"BOOLEAN": bool, "DOUBLE": float, "INTEGER": int, "BIGINT": int}
    kinds = [(name, read[_TYPES[name]]) for name in NAMES]
    return [
        {name: None if value != value else kind(value) for (name, kind), value in zip(kinds, row, strict=True)}
        for row in values.tolist()
    ]


def by_feature(values: Floats) -> dict[str, list[Any]]:
    """The same rows as columns: each name once, with a value a row."""
    told = named(values)
    return {name: [row[name] for row in told] for name in NAMES}
