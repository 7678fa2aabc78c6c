"""The shape `calendar` on the lake (X8): what dates would have fired, as they were known from day to day. For jobs.

The connection holds `dated_version` (`lake_dates`). Customers whose dates have only come are judged in one statement;
those of whom a date has changed or gone go through the stream's own code, from one such day to the next.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import duckdb

from attune_expressions.sql import duckdb_sql
from eventing.compiled import Compiled
from eventing.cool_down import Hit, raised
from eventing.customers import Customer
from eventing.lake_history import EPOCH
from eventing.shapes.dated import DatedFact
from eventing.shapes.settled import short
from eventing.verdicts import Raised

Found = tuple[Hit, tuple[str, str, str | None]]
"""A hit that is raised, with its subject, customer and account."""

_VERSIONS = """
CREATE OR REPLACE TEMP TABLE asked_date AS
SELECT * EXCLUDE (until), CASE WHEN until <= $last THEN until END AS until
FROM dated_version WHERE since IS NULL OR since <= $last"""
_MOVED = """
CREATE OR REPLACE TEMP TABLE moved_customer AS SELECT DISTINCT customer_id FROM asked_date WHERE until IS NOT NULL"""
# A hit after a gap of the cool-down is free whatever was before it: of the past only what holds back the days asked
# for is needed.
_HITS = """
WITH asked AS (
    SELECT *, {subject} AS subject
    FROM (SELECT *, day AS due_date FROM asked_date) ANTI JOIN moved_customer USING (customer_id)
    WHERE {matches}
),
numbered AS (SELECT *, row_number() OVER () AS number, dense_rank() OVER (ORDER BY subject) AS whose FROM asked),
occurring AS (
    SELECT number, whose, known, due_date, unnest(generate_series(0, {years})) AS years FROM numbered
),
occurrence AS (
    SELECT number, whose, known, CAST(due_date + to_years(CAST(years AS INTEGER)) AS DATE) AS comes FROM occurring
),
due AS (
    SELECT o.number, o.whose, o.comes, f.days, datediff('day', DATE '1970-01-01', o.comes) + f.days AS day
    FROM occurrence AS o CROSS JOIN (SELECT unnest({offsets}) AS days) AS f
    WHERE o.comes + f.days <= $last AND (o.known IS NULL OR o.comes + f.days >= o.known - {lateness})
),
spaced AS (
    SELECT *, CASE WHEN day - lag(day) OVER (PARTITION BY whose ORDER BY day) >= {cooldown} THEN 1 ELSE 0 END AS free
    FROM due
),
joined AS (
    SELECT *, sum(free) OVER (PARTITION BY whose ORDER BY day RANGE UNBOUNDED PRECEDING) AS run FROM spaced
),
needed AS (SELECT * FROM joined QUALIFY max(day) OVER (PARTITION BY whose, run) >= {first})
SELECT n.subject, n.customer_id, n.account_id, n.source_id, d.day, d.comes, d.days, n.amount_minor
FROM needed AS d INNER JOIN numbered AS n USING (number)
ORDER BY n.subject"""
_FOLLOWED = """
SELECT customer_id, source_id, day, account_id, product, product_kind, amount_minor, known, since, until
FROM asked_date SEMI JOIN moved_customer USING (customer_id) ORDER BY customer_id, source_id, since"""


def standing(con: duckdb.DuckDBPyConnection, trigger: Compiled, first: date, last: date) -> Iterator[Found]:
    """What stands once business time has reached `last`; days before `first` may be left out."""
    con.execute(_VERSIONS, {"last": last})
    con.execute(_MOVED)
    if trigger.enabled:
        yield from _together(con, trigger, first, last)
        yield from _one_by_one(con, trigger, last)


def _together(con: duckdb.DuckDBPyConnection, trigger: Compiled, first: date, last: date) -> Iterator[Found]:
    calendar = trigger.definition.calendar
    assert calendar is not None  # noqa: S101 - the caller has looked
    conditions = [part.condition for part in trigger.parts if part.condition is not None]
    # Days before a date may lie in the year before its own.
    beyond = 1 - min(*calendar.offsets, 0) // 365
    statement = _HITS.format(
        subject="coalesce(account_id, customer_id)" if trigger.by_account else "customer_id",
        matches=" AND ".join(f"coalesce({duckdb_sql(condition)}, false)" for condition in conditions) or "true",
        years=f"greatest(0, year($last) - year(due_date) + {beyond})" if calendar.yearly else "0",
        offsets=list(dict.fromkeys(calendar.offsets)),
        lateness=trigger.lateness,
        cooldown=trigger.cooldown,
        first=first.toordinal() - EPOCH,
    )
    con.execute(statement, {"last": last})
    rows = iter(con.fetchone, None)
    for _, mine in groupby(rows, key=itemgetter(0)):
        hits: dict[Hit, tuple[str, str, str | None]] = {}
        for subject, customer, account, source, day, comes, offset, amount in mine:
            key = short(f"{source}:{comes}:{offset}")
            hits[Hit(day + EPOCH, 0, key, amount, None)] = (subject, customer, account)
        yield from ((hit, hits[hit]) for hit in raised(hits, {}, trigger.cooldown))


def _one_by_one(con: duckdb.DuckDBPyConnection, trigger: Compiled, last: date) -> Iterator[Found]:
    rows = con.execute(_FOLLOWED).fetchall()
    for customer, mine in groupby(rows, key=itemgetter(0)):
        for one in _followed(trigger, list(mine), last.toordinal()).values():
            account = str(UUID(bytes=one.account)) if one.account else None
            yield Hit(one.day, 0, one.key, one.amount, None), (customer, customer, account)


def _followed(trigger: Compiled, rows: Sequence[Any], last: int) -> dict[str, Raised]:
    """What stands of a customer: a day begins with the dates of the day before, then looks at those that came on it."""
    versions = [(_fact(trigger, row), _ordinal(row[8]), _ordinal(row[9])) for row in rows]
    days = sorted({day for _, since, until in versions for day in (since, until) if day})
    customer, stands = Customer(), dict[str, Raised]()
    dates = [fact for fact, since, _ in versions if not since]

    def look(today: int) -> int | None:
        found, dues = customer.reach_all(trigger, today, dates)
        for _, _, verdict in found:
            if isinstance(verdict, Raised):
                stands[verdict.key] = verdict
            else:
                stands.pop(verdict.key, None)
        return min((due for due in dues.values() if due is not None), default=None)

    due: int | None = days[0]
    for day in (*days, last):
        while due is not None and due <= day:
            due = look(due)
        dates = [fact for fact, since, until in versions if since <= day and (not until or day < until)]
        due = look(day)
    return stands


def _fact(trigger: Compiled, row: Any) -> DatedFact:
    _, source, day, account, product, product_kind, amount, known, *_ = row
    calendar = trigger.definition.calendar
    assert calendar is not None  # noqa: S101 - the caller has looked
    fields = {"product": product, "product_kind": product_kind, "amount_minor": amount, "due_date": day}
    held = b"" if account is None else UUID(account).bytes
    return DatedFact(source, calendar.of, day.toordinal(), _ordinal(known), fields, amount, held)


def _ordinal(day: date | None) -> int:
    return 0 if day is None else day.toordinal()
