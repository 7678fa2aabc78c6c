"""The lake executor of triggers: every shape in DuckDB, and what stands once all facts have come (X8). For jobs.

The connection holds `transactions`, `account_owner` and, for a trigger on behaviours, `behaviour`, as in `lake_facts`;
for a calendar `dated_version` (`lake_dates`).
Conditions are written by the conditions' own DuckDB back end, amounts are whole numbers throughout, and the rest after
a detection is looked at over the hits alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import duckdb

from attune_expressions.sql import duckdb_sql
from eventing import lake_calendar, lake_shapes
from eventing.compiled import CANDIDATE, FIRST, MATCHES, UNLESS, Compiled, half_up
from eventing.cool_down import Hit, is_reversed, raised
from eventing.facts import FARTHEST, MICROSECONDS_A_DAY
from eventing.lake_history import EPOCH
from eventing.shapes import periods
from eventing.shapes.settled import own_key

_POSTINGS = """
SELECT o.customer_id, t.account_id, t.posting_id AS key, 'postings' AS source, t.reverses,
       o.kind IN ('demand', 'time') AS deposit, t.amount_minor, t.direction, t.kind, t.channel, o.kind AS account_kind,
       t.business_date, make_timestamp(epoch_us(t.booked_at)) AS booked_at,
       coalesce(len(t.flags), 0) = 0 AND t.reverses IS NULL AS new_money, CAST(NULL AS VARCHAR) AS behaviour,
       CAST(NULL AS VARCHAR) AS product, CAST(NULL AS VARCHAR) AS step, CAST(NULL AS BIGINT) AS seconds,
       make_timestamp(epoch_us(t.booked_at)) AS happened
FROM transactions AS t INNER JOIN account_owner AS o USING (account_id)
WHERE t.currency = $currency AND t.business_date <= $last"""
_BEHAVIOURS = """
SELECT customer_id, NULL, behaviour_id, 'behaviours', NULL, false, NULL, NULL, NULL, channel, NULL,
       business_date, NULL, NULL, behaviour, product, step, seconds, make_timestamp(occurred_us)
FROM behaviour WHERE business_date <= $last"""
_FACTS = """
CREATE OR REPLACE TEMP TABLE trigger_fact AS
WITH fact AS ({sources}),
placed AS (
    SELECT *, datediff('day', DATE '1970-01-01', business_date) AS day,
           epoch_us(happened) - epoch_us(CAST(business_date AS TIMESTAMP)) - {noon} AS since_noon,
           CASE WHEN since_noon BETWEEN -{farthest} AND {farthest} THEN since_noon ELSE 0 END AS moment
    FROM fact
)
SELECT {subject} AS subject, customer_id, account_id, key, source, reverses, deposit, day,
       moment, {a_day} * CAST(day AS BIGINT) + moment AS instant,
       CAST(coalesce(amount_minor, 0) AS HUGEINT) AS amount,
       CAST(CASE WHEN NOT deposit THEN 0 WHEN direction = 'credit' THEN amount_minor ELSE -amount_minor END AS HUGEINT)
           AS net,
       {label} AS label, {matches} AS matches, {candidate} AS candidate, {leads} AS leads, {against} AS against
FROM placed"""
_OPENINGS = """
CREATE OR REPLACE TEMP TABLE trigger_opening AS
SELECT {subject} AS subject, CAST(sum(opening_balance_minor) AS HUGEINT) AS amount
FROM account_owner WHERE kind IN ('demand', 'time') GROUP BY ALL"""
_REVERSALS = "SELECT subject, reverses, day FROM trigger_fact WHERE reverses IS NOT NULL"


class Detection(NamedTuple):
    """One that stands. The account is that of the posting, or the subject's; figures a shape does not have are None."""

    customer_id: UUID
    account_id: UUID | None
    event_key: str
    day: date
    amount_minor: int | None
    compared_with_minor: int | None


def detections(
    con: duckdb.DuckDBPyConnection, trigger: Compiled, currency: str, first: date, last: date, settled: date
) -> list[Detection]:
    """What stands of [first, last] once the facts up to `last` have come, in order of day, moment and key.

    Days before `first` count as the past and for the cool-down. Of timers, what is due by the day `settled`; a calendar
    goes by business time alone, which has reached `last`.
    """
    if trigger.kind == "calendar":
        standing: Iterable[tuple[Hit, Sequence[Any]]] = lake_calendar.standing(con, trigger, first, last)
    else:
        prepare(con, trigger, currency, last)
        rows = con.execute(lake_shapes.hits(trigger, settled.toordinal() - EPOCH)).fetchall()
        standing = _standing(con, trigger, rows)
    found = [(hit, row) for hit, row in standing if first.toordinal() <= hit.day <= last.toordinal()]
    return [_detection(trigger, hit, row) for hit, row in sorted(found, key=lambda one: (one[0][:3], one[1][0]))]


def prepare(con: duckdb.DuckDBPyConnection, trigger: Compiled, currency: str, last: date) -> None:
    """Make the tables `trigger_fact` and `trigger_opening` of the facts up to a day, as the trigger sees them."""
    on = trigger.definition.on
    sources = [text for name, text in (("postings", _POSTINGS), ("behaviours", _BEHAVIOURS)) if name in on]
    if on == ("behaviours",):
        # The columns have the names and types of a posting's, of which there are none.
        sources.insert(0, f"{_POSTINGS} AND false")
    subject = "account_id" if trigger.by_account else "customer_id"
    values: dict[str, Any] = {"last": last, "currency": currency}
    con.execute(
        _FACTS.format(
            sources="\nUNION ALL\n".join(sources),
            subject=subject,
            noon=MICROSECONDS_A_DAY // 2,
            farthest=FARTHEST,
            a_day=MICROSECONDS_A_DAY,
            **_marks(trigger),
        ),
        values,
    )
    con.execute(_OPENINGS.format(subject=subject))


def _marks(trigger: Compiled) -> dict[str, str]:
    """What a fact is to the trigger, in SQL: `Compiled.marks` once more."""
    asked = dict.fromkeys((MATCHES, CANDIDATE, FIRST, UNLESS), "false")
    for part in trigger.parts:
        text = "true" if part.condition is None else f"coalesce({duckdb_sql(part.condition)}, false)"
        for mark in asked:
            if part.mark & mark:
                asked[mark] = text
    own = " AND source = 'behaviours'" if trigger.kind == "behaviour" else ""
    may = f" AND reverses IS NULL AND coalesce(amount_minor, 0) >= {trigger.least} AND {str(trigger.enabled).lower()}"
    behaviour = trigger.definition.behaviour
    return {
        "label": f"coalesce({behaviour.same}, '')" if behaviour is not None and behaviour.same else "''",
        "matches": f"{asked[MATCHES]}{own}",
        "candidate": f"{asked[CANDIDATE]}{own}{may}",
        "leads": asked[FIRST],
        "against": asked[UNLESS],
    }


def _standing(
    con: duckdb.DuckDBPyConnection, trigger: Compiled, rows: Iterable[Sequence[Any]]
) -> Iterable[tuple[Hit, Sequence[Any]]]:
    """The hits that the cool-down lets through and no reversal undoes, each with its row."""
    if not trigger.enabled:
        return
    hits: dict[str, dict[str, tuple[Hit, Sequence[Any]]]] = defaultdict(dict)
    for row in rows:
        subject, _, account, key, day, moment, amount, top, under = row
        if key is None:
            of = UUID(account).bytes if trigger.by_account else b""
            kind = "change" if trigger.kind == "change" else "silence"
            # A silence is named after its last day with a fact: that is in `moment`'s place.
            key, moment = own_key(kind, periods.day_of(moment + EPOCH), of), 0
        compared = None if under is None else half_up(int(top), int(under))
        hits[subject][key] = Hit(day + EPOCH, moment, key, None if amount is None else int(amount), compared), row
    reversals: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for subject, key, day in con.execute(_REVERSALS).fetchall():
        if subject in hits:
            reversals[subject].setdefault(key, []).append(day + EPOCH)
    for subject, mine in hits.items():
        for hit in raised((hit for hit, _ in mine.values()), reversals[subject], trigger.cooldown):
            if not is_reversed(hit, reversals[subject]):
                yield hit, mine[hit.key][1]


def _detection(trigger: Compiled, hit: Hit, row: Sequence[Any]) -> Detection:
    emit = trigger.definition.emit
    return Detection(
        UUID(str(row[1])),
        None if row[2] is None else UUID(str(row[2])),
        hit.key,
        date.fromordinal(hit.day),
        hit.amount if "amount" in emit else None,
        hit.compared_with if "compared_with" in emit else None,
    )
