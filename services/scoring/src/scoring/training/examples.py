"""The training table: features of a snapshot, the label from the postings after it, and who is tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import duckdb
import numpy as np
from numpy.typing import NDArray

from scoring.spec import TrainingSpec

_EXAMPLES = """
WITH undone AS (
    SELECT DISTINCT account_id, reverses AS posting_id FROM transactions WHERE reverses IS NOT NULL
),
positive AS (
    SELECT DISTINCT a.customer_id
    FROM transactions AS t
    JOIN accounts AS a ON a.account_id = t.account_id
    LEFT JOIN undone AS u ON u.account_id = t.account_id AND u.posting_id = t.posting_id
    WHERE t.business_date BETWEEN $first AND $last AND list_contains($kinds, t.kind)
        AND u.posting_id IS NULL AND t.reverses IS NULL
)
SELECT
    {features},
    p.customer_id IS NOT NULL AS label,
    CAST('0x' || sha256($salt || ':' || f.customer_id)[1:15] AS BIGINT) % 10000 < $test_share AS test
FROM features AS f
LEFT JOIN positive AS p ON p.customer_id = f.customer_id
ORDER BY f.customer_id
"""


@dataclass(frozen=True)
class Examples:
    """Rows in the order of the customers' ids, or of the file: float32 features with NaN for NULL, the label, the test.

    `levels` name a category's codes; `groups` say to which group of a protected attribute a row belongs; `slices` are
    consecutive spans of time; `refused` are columns that are no features, with the reason; `whose` numbers the
    customers where one has several rows; `treated` are those of the treatment, of the kind uplift.
    """

    names: tuple[str, ...]
    rows: NDArray[np.float32]
    label: NDArray[np.bool_]
    test: NDArray[np.bool_]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    slices: NDArray[np.str_] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    whose: NDArray[np.int64] | None = None
    treated: NDArray[np.bool_] | None = None

    def only(self, names: tuple[str, ...]) -> "Examples":
        """Return the same rows with these features only."""
        index = [self.names.index(name) for name in names]
        return replace(self, names=names, rows=np.ascontiguousarray(self.rows[:, index]))


def read_examples(con: duckdb.DuckDBPyConnection, spec: TrainingSpec, window: tuple[date, date]) -> Examples:
    """Read the examples from the views `features` (of the snapshot only), `transactions` and `accounts`."""
    # The names are the contract's own: the spec admits no others.
    features = ", ".join(f"CAST(f.{name} AS FLOAT) AS {name}" for name in spec.features)
    columns = con.execute(
        _EXAMPLES.format(features=features),
        {
            "first": window[0],
            "last": window[1],
            "kinds": list(spec.event.kinds),
            "salt": f"split-{spec.seed}",
            "test_share": round(spec.split.test_share * 10_000),
        },
    ).fetchnumpy()
    rows = np.column_stack([np.ma.filled(columns[name].astype(np.float32), np.nan) for name in spec.features])
    return Examples(
        spec.features,
        np.ascontiguousarray(rows, dtype=np.float32),
        np.asarray(columns["label"], dtype=np.bool_),
        np.asarray(columns["test"], dtype=np.bool_),
    )
