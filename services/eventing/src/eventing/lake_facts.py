"""The stream's own judgement over the lake: every customer's facts in order, through the same pure code. For jobs.

The connection holds `transactions` and `account_owner`, as in `lake_history`, and `behaviour`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.identifiers import partition
from eventing import facts
from eventing.compiled import Compiled
from eventing.customers import REVERSALS_DAYS, Customer, Shared, emitted
from eventing.fact_index import FactIndex
from eventing.verdicts import Raised

CHUNK = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FACTS = """
SELECT o.customer_id, t.posting_id AS key, t.business_date AS day, epoch_us(t.booked_at) AS us, t.channel, t.account_id,
       t.direction, t.amount_minor, t.kind, o.kind AS account_kind, len(t.flags) > 0 AS flagged, t.reverses,
       NULL AS behaviour, NULL AS product, NULL AS step, NULL AS seconds
FROM transactions t JOIN account_owner o USING (account_id)
WHERE t.currency = $currency AND t.business_date < $before
UNION ALL
SELECT customer_id, behaviour_id, business_date, occurred_us, channel, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       behaviour, product, step, seconds
FROM behaviour WHERE business_date < $before
ORDER BY customer_id, day, key"""
_OPENINGS = """
SELECT customer_id, account_id, opening_balance_minor FROM account_owner WHERE kind IN ('demand', 'time')"""
_FIRSTS = """
SELECT o.customer_id, t.account_id, min(t.business_date) FROM transactions t JOIN account_owner o USING (account_id)
WHERE t.currency = $currency AND t.business_date < $before GROUP BY ALL"""
_FIRST_BEHAVIOURS = "SELECT customer_id, min(business_date) FROM behaviour WHERE business_date < $before GROUP BY ALL"
_REVERSALS = """
SELECT o.customer_id, t.business_date, t.reverses FROM transactions t JOIN account_owner o USING (account_id)
WHERE t.currency = $currency AND t.business_date < $before AND t.reverses IS NOT NULL
ORDER BY o.customer_id, t.business_date, t.reverses"""


@dataclass(slots=True)
class Judged:
    """One customer's states when every fact has come in order, and what stands, by trigger and event key."""

    customer_id: UUID
    partition: int
    customer: Customer
    standing: dict[str, dict[str, Raised]] = field(default_factory=dict)


def judge(
    con: duckdb.DuckDBPyConnection, triggers: Sequence[Compiled], currency: str, before: date, newest: dict[int, date]
) -> Iterator[Judged]:
    """Every customer with a fact before a day; `newest` is the largest business day of each partition."""
    index = FactIndex(triggers)
    openings: dict[str, dict[bytes, int]] = {}
    for customer_id, account, opening in con.execute(_OPENINGS).fetchall():
        openings.setdefault(customer_id, {})[UUID(account).bytes] = opening
    cursor = con.cursor().execute(_FACTS, {"currency": currency, "before": before})
    for customer_id, rows in groupby(_rows(cursor), key=itemgetter(0)):
        known, number = openings.get(customer_id, {}), partition(UUID(customer_id))
        judged = Judged(UUID(customer_id), number, Customer(sum(known.values()), known))
        for fact in sorted(map(_fact, rows), key=lambda fact: fact.place):
            taken = judged.customer.apply(index, fact, fact.day)
            _note(judged, taken.found)
        if number in newest:
            fire(judged, index, newest[number].toordinal())
        yield judged


def fire(judged: Judged, index: FactIndex, newest: int) -> None:
    """Let every timer fire that the watermark has passed."""
    for trigger in index.triggers:
        if trigger.has_timer and trigger.kind != "calendar":
            for name, account in list(judged.customer.states):
                if name == trigger.name:
                    _note(judged, judged.customer.fire(trigger, account, newest - trigger.lateness - 1))


def shared(con: duckdb.DuckDBPyConnection, currency: str, before: date) -> dict[str, Shared]:
    """What each customer's triggers share, by customer: without going through the facts one by one."""
    found: dict[str, Shared] = {}
    values = {"currency": currency, "before": before}
    for customer_id, account, day in con.execute(_FIRSTS, values).fetchall():
        found.setdefault(customer_id, Shared()).firsts[UUID(account).bytes] = day.toordinal()
    for customer_id, day in con.execute(_FIRST_BEHAVIOURS, {"before": before}).fetchall():
        found.setdefault(customer_id, Shared()).first_behaviour = day.toordinal()
    for customer_id, day, key in con.execute(_REVERSALS, values).fetchall():
        found[customer_id].reversals.append((day.toordinal(), key))
    for one in found.values():
        if one.reversals:
            last = one.reversals[-1][0]
            one.reversals = [(day, key) for day, key in one.reversals if day > last - REVERSALS_DAYS]
    return found


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[Any]:
    while chunk := cursor.fetchmany(CHUNK):
        yield from chunk


def _fact(row: Any) -> facts.Fact:
    _, key, day, us, channel, account, direction, amount, kind, account_kind, flagged, reverses, *done = row
    at = None if us is None else _EPOCH + timedelta(microseconds=us)
    if account is None:
        assert at is not None  # noqa: S101 - a behaviour has its moment
        behaviour, product, step, seconds = done
        fields = {"behaviour": behaviour, "product": product, "step": step, "channel": channel, "seconds": seconds}
        return facts.of_behaviour(key, day, at, fields)
    return facts.posted(
        UUID(account).bytes, key, day, at, direction, amount, kind, channel, account_kind, bool(flagged), reverses
    )


def _note(judged: Judged, found: Sequence[Any]) -> None:
    for trigger, _, verdict in map(emitted, found):
        standing = judged.standing.setdefault(trigger.name, {})
        if isinstance(verdict, Raised):
            standing[verdict.key] = verdict
        elif (known := standing.get(verdict.key)) is not None and known.day <= verdict.day:
            del standing[verdict.key]
