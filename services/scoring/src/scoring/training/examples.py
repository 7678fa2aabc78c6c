"""The training table: features of a snapshot, the label from the postings after it, and who is tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from attune_contracts.features import PROTECTED_IN_CREDIT
from scoring.spec import TrainingSpec
from scoring.training.protected import groups

# What each answer is made of: customer_id and `answer`, a number; whoever is not among them has the answer 0.
_UNDONE = """
undone AS (SELECT DISTINCT account_id, reverses AS posting_id FROM transactions WHERE reverses IS NOT NULL),
done AS (
    SELECT a.customer_id, t.*
    FROM transactions AS t
    JOIN accounts AS a ON a.account_id = t.account_id
    LEFT JOIN undone AS u ON u.account_id = t.account_id AND u.posting_id = t.posting_id
    WHERE t.business_date BETWEEN $first AND $last AND u.posting_id IS NULL AND t.reverses IS NULL
)"""
_DOES = f"{_UNDONE}, found AS (SELECT DISTINCT customer_id, 1 AS answer FROM done WHERE list_contains($kinds, kind))"  # noqa: S608 - texts of ours
# Assets at the end: those of the snapshot and what has come and gone since, loans apart.
_LEAVES = """
moved AS (
    SELECT a.customer_id, SUM(CASE WHEN t.direction = 'credit' THEN t.amount_minor ELSE -t.amount_minor END) AS net
    FROM transactions AS t JOIN accounts AS a ON a.account_id = t.account_id AND a.kind <> 'loan'
    WHERE t.business_date BETWEEN $first AND $last GROUP BY a.customer_id
),
found AS (
    SELECT s.customer_id, 1 AS answer
    FROM features AS s LEFT JOIN moved AS m ON m.customer_id = s.customer_id
    WHERE s.aum_minor + COALESCE(m.net, 0) <= $has
)"""
# The class used most; of two used alike the one that stands first.
_CHOOSES = f"""{_UNDONE},
used AS (
    SELECT customer_id, list_position($classes, channel) AS answer, COUNT(*) AS times
    FROM done WHERE list_contains($classes, channel) GROUP BY ALL
),
found AS (SELECT customer_id, arg_max(answer, (times, -answer)) AS answer FROM used GROUP BY customer_id)"""  # noqa: S608 - texts of ours
_NAMED = "found AS (SELECT DISTINCT customer_id, 1 AS answer FROM (SELECT unnest($customers) AS customer_id))"
_TEST = "CAST('0x' || sha256($salt || ':' || f.customer_id)[1:15] AS BIGINT) % 10000 < $test_share"
_EXAMPLES = f"""
WITH {{answers}}
SELECT
    {{features}},
    COALESCE(p.answer, 0) AS answer,
    {_TEST} AS test,
    f.age AS group_age,
    g.gender AS group_gender
FROM features AS f
LEFT JOIN found AS p ON p.customer_id = f.customer_id
LEFT JOIN parties AS g ON g.customer_id = f.customer_id
WHERE {{whom}} AND ($everybody OR {_TEST})
ORDER BY f.customer_id
"""  # noqa: S608 - texts of ours


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


def read_examples(con: duckdb.DuckDBPyConnection, spec: TrainingSpec, window: tuple[date, date] | None) -> Examples:
    """Read the examples from the views `features` (of the snapshot only), `transactions`, `accounts` and `parties`."""
    return read_answers(con, spec, window)[0]


def read_answers(
    con: duckdb.DuckDBPyConnection, spec: TrainingSpec, window: tuple[date, date] | None, *, held_back: bool = False
) -> tuple[Examples, NDArray[np.int64]]:
    """The examples, their label whether there is an answer, and each row's answer: the place of a class, from 1.

    `held_back`: only the customers who are tested.
    """
    answers, whom, given = _asked(spec)
    if window is not None:
        given |= {"first": window[0], "last": window[1]}
    # The names are the contract's own: the spec admits no others.
    features = ", ".join(f"CAST(f.{name} AS FLOAT) AS {name}" for name in spec.features)
    columns = con.execute(
        _EXAMPLES.format(features=features, answers=answers, whom=whom),
        given
        | {"salt": f"split-{spec.seed}", "test_share": round(spec.split.test_share * 10_000)}
        | {"everybody": not held_back},
    ).fetchnumpy()
    rows = np.column_stack([np.ma.filled(columns[name].astype(np.float32), np.nan) for name in spec.features])
    answer = np.asarray(columns["answer"], dtype=np.int64)
    credit = spec.about.risk_class == "high_risk"
    examples = Examples(
        spec.features,
        np.ascontiguousarray(rows, dtype=np.float32),
        answer > 0,
        np.asarray(columns["test"], dtype=np.bool_),
        groups=groups(columns["group_age"], columns["group_gender"]),
        refused={n: "protected" for n in spec.features if n in PROTECTED_IN_CREDIT} if credit else {},
    )
    return examples, answer


def _asked(spec: TrainingSpec) -> tuple[str, str, dict[str, Any]]:
    """How the answers are found, of whom, and the values that both need."""
    if spec.leaving is not None:
        bounds = {"had": spec.leaving.had_minor, "has": spec.leaving.has_minor}
        return _LEAVES, "f.aum_minor >= $had", bounds
    if spec.choice is not None:
        return _CHOOSES, "p.answer IS NOT NULL", {"classes": list(spec.choice.values)}
    if spec.seeds is not None and spec.seeds.customers:
        return _NAMED, "TRUE", {"customers": [str(one) for one in spec.seeds.customers]}
    kinds = spec.seeds.kinds if spec.seeds is not None else spec.label.kinds if spec.label is not None else ()
    return _DOES, "TRUE", {"kinds": list(kinds)}
