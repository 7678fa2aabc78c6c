"""The feature snapshot on DuckDB: runs the models over a connection that has the lake's datasets. For jobs only."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import duckdb

from attune_service_kit.errors import Invalid
from insight import models, rules
from insight.value_quadrant import QuadrantParameters


class SegmentCount(NamedTuple):
    """How many customers of a branch (NULL: of none) stand in a segment's value."""

    segment: str
    branch_id: str | None
    value: str
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
    """Make every model's temporary table, `segments` last; yields each model's name when its table is made."""
    bound: models.Parameters = {"as_of": as_of, **rules.LIFECYCLE, **rules.SEGMENTS, **parameters.numbers}
    for name in models.ORDER:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {models.render(name, bound)}")
        yield name


def segment_counts(con: duckdb.DuckDBPyConnection) -> list[SegmentCount]:
    """Return the segments' sizes by branch, of the snapshot that has been built."""
    rows = con.execute(
        "SELECT s.segment, f.branch_id, s.value, COUNT(*) FROM segments AS s"
        " JOIN features AS f ON f.customer_id = s.customer_id GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [SegmentCount(*row) for row in rows]
