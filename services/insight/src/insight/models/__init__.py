"""The analytical models: one SELECT per `.sql` file in DuckDB's dialect, `$name` parameters bound as typed literals.

Rendering binds and transpiles in one step, so one text runs on DuckDB and on Spark. For jobs only (X29).
"""

from collections.abc import Mapping
from datetime import date
from importlib import resources

import sqlglot
from sqlglot import exp

Value = date | int | float
Parameters = Mapping[str, Value]

# Each model may read the lake's datasets and the models before it.
ORDER = (
    "balances", "activity", "salaries", "products_held", "profile", "value_quadrant", "lifecycle", "features",
    "segments",
)  # fmt: skip
DATASETS = ("parties", "accounts", "holdings", "products", "transactions")


def source(name: str) -> str:
    """Return a model's text as it is stored."""
    return resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def render(name: str, parameters: Parameters, dialect: str = "duckdb") -> str:
    """Return a model's SELECT in a dialect of sqlglot; KeyError if it uses a parameter that is not given."""

    def bind(node: exp.Expression) -> exp.Expression:
        return _literal(parameters[node.name]) if isinstance(node, exp.Placeholder) else node

    return str(sqlglot.parse_one(source(name), read="duckdb").transform(bind).sql(dialect=dialect))


def _literal(value: Value) -> exp.Expression:
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    return exp.Literal.number(value)
