"""The feature snapshot on DuckDB: runs the models over a connection that has the lake's datasets. For jobs only."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import duckdb

from attune_service_kit.errors import Invalid
from insight import models
from insight.value_quadrant import QuadrantParameters


class QuadrantSize(NamedTuple):
    """How many customers of a branch (NULL: of none) stand in a quadrant."""

    branch_id: str | None
    quadrant: str
    customers: int


def last_business_date(con: duckdb.DuckDBPyConnection) -> date | None:
    """Return the last booking day in the transactions; None if there are none."""
    row = con.execute("SELECT MAX(business_date) FROM transactions").fetchone()
    return row[0] if row else None


def choose_day(last: date | None, wanted: str | None) -> date:
    """Return the day to look back from: the wanted ISO date, or the ledger's last. Raises Invalid."""
    if last is None:
        raise Invalid("the lake holds no transactions yet: import a ledger first", "数据湖中尚无交易，请先导入账务数据")
    day = date.fromisoformat(wanted) if wanted else last
    if day > last:
        raise Invalid(
            f"the ledger ends on {last}: nothing is known of {day}", f"账务数据截至 {last}，没有 {day} 的数据"
        )
    return day


def build_features(con: duckdb.DuckDBPyConnection, as_of: date, parameters: QuadrantParameters) -> Iterator[str]:
    """Make every model's temporary table, `features` last; yields each model's name when its table is made."""
    bound: models.Parameters = {"as_of": as_of, **parameters.model_dump()}
    for name in models.ORDER:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {models.render(name, bound)}")
        yield name


def quadrant_sizes(con: duckdb.DuckDBPyConnection) -> list[QuadrantSize]:
    """Return the quadrants' sizes by branch, of the features that have been built."""
    rows = con.execute("SELECT branch_id, value_quadrant, COUNT(*) FROM features GROUP BY ALL ORDER BY ALL").fetchall()
    return [QuadrantSize(*row) for row in rows]
