"""The dates that datasets knew, and since when: every state of them that the lake still keeps, in DuckDB. For jobs.

The lake keeps what an import has published until it is vacuumed, one state a business day: the last of that day.
"""
# ruff: noqa: S608 - the statements are made of names that this package chose

from collections.abc import Iterator
from datetime import date

import duckdb

from attune_contracts.datasets import DATASETS
from attune_contracts.pointer import Pointer
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from eventing.lake_history import model

PARTITION = "all"
SOURCES: dict[str, tuple[str, ...]] = {
    "holding_matures_on": ("holdings", "products"),
    "holding_opened_on": ("holdings", "products"),
    "loan_matures_on": ("loans",),
    "card_expires_on": ("cards",),
    "birthday": ("parties",),
    "customer_since": ("parties",),
    "account_opened_on": ("accounts",),
}
_ALL = sorted({name for names in SOURCES.values() for name in names})
_FIELDS = "customer_id, source_id, day, account_id, product, product_kind, amount_minor"

# `known`: the day since which the date is known; NULL = always. `since`, `until`: the days on which the row came and
# went; NULL = it was there from the beginning, it is there now.
_EMPTY = """
CREATE OR REPLACE TABLE dated_version (
    customer_id VARCHAR, source_id VARCHAR, day DATE, account_id VARCHAR, product VARCHAR, product_kind VARCHAR,
    amount_minor BIGINT, known DATE, since DATE, until DATE)"""
_INCOMING = f"CREATE OR REPLACE TEMP TABLE incoming_date AS SELECT {_FIELDS} FROM ({{model}})"
_GONE = f"""
UPDATE dated_version AS v SET until = $on
FROM (SELECT {_FIELDS} FROM dated_version WHERE until IS NULL EXCEPT SELECT {_FIELDS} FROM incoming_date) AS g
WHERE v.until IS NULL AND (v.customer_id, v.source_id) = (g.customer_id, g.source_id)"""
_COME = f"""
INSERT INTO dated_version
SELECT n.*, CASE WHEN o.customer_id IS NULL THEN $since ELSE o.known END, $since, NULL
FROM (SELECT {_FIELDS} FROM incoming_date EXCEPT SELECT {_FIELDS} FROM dated_version WHERE until IS NULL) AS n
LEFT JOIN dated_version AS o
    ON (o.customer_id, o.source_id, o.day) = (n.customer_id, n.source_id, n.day) AND o.until = $on"""


def gather(con: duckdb.DuckDBPyConnection, lake: Lake, of: str, last: date) -> None:
    """Make the table `dated_version` of the dates of a kind; of what was published after a day the first state only."""
    con.execute(_EMPTY)
    # Its temporary views have the datasets' names: they are this cursor's alone.
    con = con.cursor()
    before: list[str] = []
    for number, (on, state) in enumerate(_states(lake, SOURCES[of])):
        checksums = [pointer.checksum for pointer in state.values()]
        if number and on > last:
            return
        if checksums != before:
            _take(con, lake, of, state, on, first=number == 0)
        before = checksums


def _states(lake: Lake, names: tuple[str, ...]) -> Iterator[tuple[date, dict[str, Pointer]]]:
    """The datasets as they stood at the end of each business day on which one of them was published."""
    versions = {name: lake.versions(name, PARTITION) for name in names}
    for on in sorted({pointer.as_of for pointers in versions.values() for pointer in pointers}):
        yield on, {name: standing[-1] for name, pointers in versions.items()
                   if (standing := [pointer for pointer in pointers if pointer.as_of <= on])}  # fmt: skip


def _take(
    con: duckdb.DuckDBPyConnection, lake: Lake, of: str, state: dict[str, Pointer], on: date, *, first: bool
) -> None:
    for name in _ALL:
        files = lake.read_pointer(state[name]) if name in state else []
        con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {lake_sql.scan(DATASETS[name], files)}")
    con.execute(_INCOMING.format(model=model("dated_facts")), {"kinds": [of]})
    con.execute(_GONE, {"on": on})
    con.execute(_COME, {"on": on, "since": None if first else on})
