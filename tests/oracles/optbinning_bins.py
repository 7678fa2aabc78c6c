"""What optbinning says of the same features: the most that monotone bins can tell, and a scorecard's auc.

Runs in an environment of its own (see README.md); prints JSON. The test that compares takes `features` and `german`
from here.
"""

import gzip
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 4_000
MOST_BINS, LEAST_SHARE = 7, 0.05
NUMBERS = {"months": 1, "amount": 4, "instalment_rate": 7, "residence_since": 10, "credits": 15, "dependants": 17}
"""Numeric columns of German credit; the last one is the answer, 2 is bad."""


def features() -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """Invented features and who is bad: rising, falling, of few values, unknown for some, of no use."""
    draw = np.random.default_rng(11)
    risk = draw.normal(size=ROWS)
    bad = draw.random(ROWS) < 1 / (1 + np.exp(1.5 - risk))
    some = np.exp(10 - 0.6 * risk + draw.normal(0, 1, ROWS))
    some[draw.random(ROWS) < 0.1] = np.nan
    columns = {
        "rising": risk + draw.normal(0, 1, ROWS),
        "falling": -2 * risk + draw.normal(0, 3, ROWS),
        "few": np.clip(np.round(2 + risk + draw.normal(0, 1, ROWS)), 0, 5),
        "unknown": some,
        "useless": draw.normal(size=ROWS),
    }
    return {name: column.astype(np.float32) for name, column in columns.items()}, bad


def german(folder: Path) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """The numeric columns of German credit, and who was bad."""
    text = gzip.decompress((folder / "german-credit" / "german.data.gz").read_bytes()).decode()
    table = [line.split() for line in text.splitlines() if line]
    columns = {name: np.array([float(row[at]) for row in table], np.float32) for name, at in NUMBERS.items()}
    return columns, np.array([row[-1] == "2" for row in table])


def told(columns: dict[str, NDArray[np.float32]], bad: NDArray[np.bool_]) -> dict[str, Any]:
    """Of each feature the information value of its best bins, their trend and their edges."""
    from optbinning import OptimalBinning

    found: dict[str, Any] = {}
    for name, values in columns.items():
        one = OptimalBinning(name=name, max_n_bins=MOST_BINS, min_bin_size=LEAST_SHARE, monotonic_trend="auto_asc_desc")
        one.fit(values.astype(np.float64), bad.astype(int))
        table = one.binning_table.build()
        found[name] = {"value": float(table.loc["Totals", "IV"]), "edges": [float(edge) for edge in one.splits]}
    return found


def main() -> None:
    """Tell of both."""
    versions = {name: version(name) for name in ("optbinning", "ortools", "numpy")}
    given = {"versions": versions, "invented": told(*features()), "german": told(*german(Path(sys.argv[1])))}
    sys.stdout.write(json.dumps(given, indent=1) + "\n")


if __name__ == "__main__":
    main()
