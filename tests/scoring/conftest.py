"""A generated training table with a known signal, and the same as a lake."""

from collections.abc import Callable

import numpy as np
import pytest

from scoring.features import NUMERIC
from scoring.training.examples import Examples


def make_examples(rows: int = 6_000, seed: int = 7) -> Examples:
    """Customers whose log-odds to buy rise with balance and youth; the other features are noise, some unknown."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows, len(NUMERIC)))
    table[:, NUMERIC.index("age")] = rng.integers(18, 80, rows)
    table[:, NUMERIC.index("demand_balance_minor")] = np.exp(rng.normal(14, 1, rows)).round()
    signal = (
        1.6 * (np.log(table[:, NUMERIC.index("demand_balance_minor")]) - 14)
        - 0.06 * (table[:, NUMERIC.index("age")] - 45)
        - 2.0
    )
    label = rng.random(rows) < 1 / (1 + np.exp(-signal))
    table[rng.random(table.shape) < 0.03] = np.nan
    test = rng.random(rows) < 0.25
    return Examples(NUMERIC, table.astype(np.float32), label, test)


@pytest.fixture(scope="session")
def examples() -> Examples:
    """6,000 examples, always the same."""
    return make_examples()


@pytest.fixture(scope="session")
def generate() -> Callable[..., Examples]:
    """Make other examples of the same kind."""
    return make_examples
