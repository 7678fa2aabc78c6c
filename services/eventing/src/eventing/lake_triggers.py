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

# Texts that are ids are wide and slow to compare: a subject is a number while it is judged, in the order of its id.
_WHO = """
CREATE OR REPLACE TEMP TABLE trigger_who AS
SELECT who, CAST(row_number() OVER (ORDER BY who) AS INTEGER) AS subject
FROM (SELECT DISTINCT {subject} AS who FROM account_owner{behaviours})"""
_WHO_ELSE = " UNION SELECT customer_id FROM behaviour"
_OWNERS = """
CREATE OR REPLACE TEMP TABLE trigger_owner AS
SELECT w.subject, o.account_id, o.customer_id, o.kind, o.opening_balance_minor,
       CAST(row_number() OVER () AS INTEGER) AS account
FROM account_owner AS o INNER JOIN trigger_who AS w ON w.who = o.{subject}"""
_POSTINGS = """
SELECT o.subject, o.account, t.posting_id AS key, true AS posting, t.reverses,
       o.kind IN ('demand', 'time') AS deposit, t.amount_minor, t.direction, t.kind, t.channel, o.kind AS account_kind,
       t.business_date, make_timestamp(epoch_us(t.booked_at)) AS booked_at,
       coalesce(len(t.flags), 0) = 0 AND t.reverses IS NULL AS new_money, CAST(NULL AS VARCHAR) AS behaviour,
       CAST(NULL AS VARCHAR) AS product, CAST(NULL AS VARCHAR) AS step, CAST(NULL AS BIGINT) AS seconds,
       make_timestamp(epoch_us(t.booked_at)) AS happened
FROM transactions AS t INNER JOIN trigger_owner AS o USING (account_id)
WHERE t.currency = $currency AND t.business_date <= $last"""
_BEHAVIOURS = """
SELECT w.subject, NULL, b.behaviour_id, false, NULL, false, NULL, NULL, NULL, b.channel, NULL,
       b.business_date, NULL, NULL, b.behaviour, b.product, b.step, b.seconds, make_timestamp(b.occurred_us)
FROM behaviour AS b INNER JOIN trigger_who AS w ON w.who = b.customer_id WHERE b.business_date <= $last"""
_FACTS = """
CREATE OR REPLACE TEMP TABLE trigger_fact AS
WITH fact AS ({sources}),
placed AS (
    SELECT *, datediff('day', DATE '1970-01-01', business_date) AS day,
           epoch_us(happened) - epoch_us(CAST(business_date AS TIMESTAMP)) - {noon} AS since_noon,
           CASE WHEN since_noon BETWEEN -{farthest} AND {farthest} THEN since_noon ELSE 0 END AS moment
    FROM fact
),
marked AS (
    SELECT subject, account, key, posting, reverses, deposit, day, moment,
           {a_day} * CAST(day AS BIGINT) + moment AS instant, coalesce(amount_minor, 0) AS amount,
           CASE WHEN NOT deposit THEN 0 WHEN direction = 'credit' THEN amount_minor ELSE -amount_minor END AS net,
           {label} AS label, {matches} AS matches, {candidate} AS candidate, {leads} AS leads, {against} AS against
    FROM placed
)
SELECT * FROM marked WHERE {matters}"""
_MARKED = "(matches OR candidate OR leads OR against OR reverses IS NOT NULL)"
_OPENINGS = """
CREATE OR REPLACE TEMP TABLE trigger_opening AS
SELECT subject, CAST(sum(opening_balance_minor) AS HUGEINT) AS amount
FROM trigger_owner WHERE kind IN ('demand', 'time') GROUP BY ALL"""
_HITS = """
SELECT h.subject, w.who, o.account_id, h.key, h.day, h.moment, h.amount, h.top, h.under
FROM ({hits}) AS h (subject, account, key, day, moment, amount, top, under)
INNER JOIN {who} USING (subject) LEFT JOIN trigger_owner AS o USING (account)"""
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
        rows = con.execute(_hits(trigger, settled.toordinal() - EPOCH)).fetchall()
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
    con.execute(_WHO.format(subject=subject, behaviours=_WHO_ELSE if "behaviours" in on else ""))
    con.execute(_OWNERS.format(subject=subject))
    values: dict[str, Any] = {"last": last, "currency": currency}
    con.execute(
        _FACTS.format(
            sources="\nUNION ALL\n".join(sources),
            noon=MICROSECONDS_A_DAY // 2,
            farthest=FARTHEST,
            a_day=MICROSECONDS_A_DAY,
            matters=_matters(trigger),
            **_marks(trigger),
        ),
        values,
    )
    con.execute(_OPENINGS)


def _matters(trigger: Compiled) -> str:
    """Which facts are kept: all where a subject's first one counts, whatever it is; else what the shape asks for."""
    if trigger.needs_first:
        return "true"
    return f"({_MARKED} OR deposit)" if trigger.takes_every_deposit else _MARKED


def _hits(trigger: Compiled, through: int) -> str:
    """The statement of the hits, with the ids of customers and accounts for their numbers."""
    who = "trigger_who AS w"
    if trigger.by_account:
        who = "(SELECT subject, customer_id AS who FROM trigger_owner) AS w"
    return _HITS.format(who=who, hits=lake_shapes.hits(trigger, through))


def _marks(trigger: Compiled) -> dict[str, str]:
    """What a fact is to the trigger, in SQL: `Compiled.marks` once more."""
    asked = dict.fromkeys((MATCHES, CANDIDATE, FIRST, UNLESS), "false")
    for part in trigger.parts:
        text = "true" if part.condition is None else f"coalesce({duckdb_sql(part.condition)}, false)"
        for mark in asked:
            if part.mark & mark:
                asked[mark] = text
    own = " AND NOT posting" if trigger.kind == "behaviour" else ""
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
