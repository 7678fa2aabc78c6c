"""What each shape of a trigger finds, as SQL over `trigger_fact` and `trigger_opening` (docs/reference/triggers.md).

A statement gives hits: subject, account, key, day, moment, amount, top, under; the first two are the numbers that
`lake_triggers` gives to ids. The figure beside the amount is top / under; no `under`: there is none. A hit without a
key is one whose key the shape makes, of the day in `moment`. Days count from 1970-01-01.
"""
# ruff: noqa: S608 - the statements are made of this package's texts and of whole numbers

from fractions import Fraction

from eventing.compiled import Compiled
from eventing.definition import Behaviour, Change, Count, OwnHistory, Sequence, Silence, Span
from eventing.shapes import changes

_PLACE = "c.subject, c.account, c.key, c.day, c.moment"
_UPTO = "(f.day, f.moment, f.key) <= (c.day, c.moment, c.key)"
_SUBJECT = "s.subject, s.account, NULL AS key"
_SUBJECTS = """
whose AS (
    SELECT subject, {account} AS account, min(day) AS first_day, min(day) FILTER (WHERE posting) AS first_posting
    FROM trigger_fact GROUP BY subject
)"""
# With total = sum(net) and weight = sum(net * day) up to x, the integral of the closing balance over the days before x
# is x * total - weight; a movement on x itself adds nothing to it.
_RUNNING = """
daily AS (SELECT subject, day, sum(net) AS net FROM trigger_fact WHERE deposit GROUP BY ALL),
running AS (
    SELECT subject, day, sum(net) OVER upto AS total, sum(net * day) OVER upto AS weight
    FROM daily WINDOW upto AS (PARTITION BY subject ORDER BY day)
)"""


def hits(trigger: Compiled, through: int) -> str:
    """The statement of a trigger's shape; of timers, what is due by the day `through`."""
    match trigger.definition.shape:
        case Count() as count:
            return _count(count)
        case Sequence() as sequence:
            return _sequence(sequence)
        case Behaviour() as behaviour:
            return _behaviour(behaviour)
        case OwnHistory() as own:
            return _own_balance(own) if trigger.kind == "own_balance" else _own_history(own)
        case Silence() as silence:
            return _lost(trigger, silence, through) if trigger.kind == "lost" else _silence(trigger, silence, through)
        case Change() as change:
            if change.of == "closing_balance":
                return _changed_balance(trigger, change, through)
            return _changed(trigger, change, through)
        case absence:
            return _absence(absence.within.number, through)  # type: ignore[union-attr]


# --- facts before a candidate ---


def _span(span: Span) -> tuple[str, int]:
    """By what a span counts, a fact's day or its moment, and how far it looks back from there."""
    return ("day", span.number - 1) if span.microseconds is None else ("instant", span.microseconds - 1)


def _count(count: Count) -> str:
    by, back = _span(count.within)
    return f"""
WITH probable AS (
    SELECT *, count(*) OVER (PARTITION BY subject ORDER BY {by} RANGE BETWEEN {back} PRECEDING AND CURRENT ROW) AS most
    FROM trigger_fact WHERE matches
)
SELECT {_PLACE}, sum(f.amount), NULL, NULL
FROM probable AS c
INNER JOIN trigger_fact AS f ON f.subject = c.subject AND f.{by} BETWEEN c.{by} - {back} AND c.{by}
WHERE c.candidate AND c.most >= {count.at_least} AND f.matches AND {_UPTO}
GROUP BY ALL HAVING count(*) >= {count.at_least}"""


def _sequence(sequence: Sequence) -> str:
    by, back = _span(sequence.within)
    return f"""
WITH probable AS (
    SELECT *, bool_or(leads) OVER (PARTITION BY subject ORDER BY {by} RANGE BETWEEN {back} PRECEDING AND CURRENT ROW)
        AS led
    FROM trigger_fact WHERE leads OR candidate
)
SELECT {_PLACE}, c.amount, last(f.amount ORDER BY f.day, f.moment, f.key), 1
FROM probable AS c
INNER JOIN trigger_fact AS f ON f.subject = c.subject AND f.{by} BETWEEN c.{by} - {back} AND c.{by}
WHERE c.candidate AND c.led AND f.leads AND (f.day, f.moment) < (c.day, c.moment)
GROUP BY {_PLACE}, c.amount"""


def _behaviour(behaviour: Behaviour) -> str:
    by, back = _span(behaviour.within)
    named = " AND label <> ''" if behaviour.same else ""
    return f"""
WITH probable AS (
    SELECT *, count(*) OVER (
        PARTITION BY subject, label ORDER BY {by} RANGE BETWEEN {back} PRECEDING AND CURRENT ROW
    ) AS most
    FROM trigger_fact WHERE matches{named}
),
often AS (
    SELECT {_PLACE}, c.instant, count(*) AS number
    FROM probable AS c
    INNER JOIN trigger_fact AS f
        ON f.subject = c.subject AND f.label = c.label AND f.{by} BETWEEN c.{by} - {back} AND c.{by}
    WHERE c.candidate AND c.most >= {behaviour.at_least} AND f.matches AND {_UPTO}
    GROUP BY ALL HAVING count(*) >= {behaviour.at_least}
)
SELECT {_PLACE}, c.number, NULL, NULL
FROM often AS c
WHERE NOT EXISTS (
    FROM trigger_fact AS u WHERE u.subject = c.subject AND u.against AND u.{by} BETWEEN c.{by} - {back} AND c.{by}
)"""


def _start(past: Span, day: str) -> str:
    """The first day of the past before a day."""
    return f"{day} - {past.number}" if past.unit == "days" else _months_before(day, past.number)


def _months_before(day: str, months: int) -> str:
    then = f"CAST(DATE '1970-01-01' + CAST({day} AS INTEGER) - to_months({months}) AS DATE)"
    return f"datediff('day', DATE '1970-01-01', {then})"


def _own_history(own: OwnHistory) -> str:
    within = 1 if own.within is None else own.within.number
    size = "1" if own.compare == "count" else "amount"
    left = "amount"
    if own.compare != "amount":
        left = f"""sum({size}) OVER (PARTITION BY subject ORDER BY day, moment, key ROWS UNBOUNDED PRECEDING)
        - coalesce(sum({size}) OVER (
            PARTITION BY subject ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND {within} PRECEDING
        ), 0)"""
    match own.compared_with:
        case "max":
            top, under, right = "p.largest", "1", "p.number > 0"
        case "mean":
            top, under, right = "p.total", "p.number", "p.number > 0"
        case "sum" if own.compare == "amount":
            top, under, right = "coalesce(p.total, 0)", "1", "true"
        case _:
            past = "p.number" if own.compare == "count" else "p.total"
            top, under, right = f"{past} * {within}", "(c.past_end - c.past_start)", f"{past} > 0"
    return f"""
WITH {_SUBJECTS.format(account="CAST(NULL AS INTEGER)")},
matching AS (
    SELECT *, CAST({left} AS HUGEINT) AS left_side, day - {within - 1} AS past_end FROM trigger_fact WHERE matches
),
judged AS (
    SELECT m.*, {_start(own.over, "m.past_end")} AS past_start FROM matching AS m WHERE m.candidate
),
probe AS (
    SELECT DISTINCT c.subject, c.past_start, c.past_end
    FROM judged AS c INNER JOIN whose AS s USING (subject) WHERE s.first_day <= c.past_start
),
daily AS (
    SELECT subject, day, count(*) AS number, sum(amount) AS total, max(amount) AS largest
    FROM trigger_fact WHERE matches GROUP BY ALL
),
past AS (
    SELECT q.subject, q.past_start, q.past_end, coalesce(sum(d.number), 0) AS number, sum(d.total) AS total,
           max(d.largest) AS largest
    FROM probe AS q LEFT JOIN daily AS d ON d.subject = q.subject AND d.day >= q.past_start AND d.day < q.past_end
    GROUP BY ALL
)
SELECT {_PLACE}, c.left_side, {top}, {under}
FROM judged AS c INNER JOIN past AS p USING (subject, past_start, past_end)
WHERE {right} AND c.left_side * {under} * {own.times.denominator} > CAST({top} AS HUGEINT) * {own.times.numerator}"""


def _own_balance(own: OwnHistory) -> str:
    return f"""
WITH {_RUNNING},
begun AS (SELECT subject, min(day) AS first_day FROM daily GROUP BY ALL),
judged AS (
    SELECT f.*, {_start(own.over, "f.day")} AS past_start
    FROM trigger_fact AS f WHERE f.candidate
),
probe AS (
    SELECT c.*, c.day - c.past_start AS days
    FROM judged AS c INNER JOIN begun AS b USING (subject) WHERE b.first_day <= c.past_start
),
measured AS (
    SELECT c.*, coalesce(o.amount, 0) * c.days + (c.day * e.total - e.weight) - (c.past_start * s.total - s.weight)
        AS integral
    FROM probe AS c
    ASOF INNER JOIN running AS e ON e.subject = c.subject AND c.day >= e.day
    ASOF INNER JOIN running AS s ON s.subject = c.subject AND c.past_start >= s.day
    LEFT JOIN trigger_opening AS o ON o.subject = c.subject
)
SELECT {_PLACE}, c.amount, c.integral, c.days
FROM measured AS c
WHERE CAST(c.amount AS HUGEINT) * c.days * {own.times.denominator} > c.integral * {own.times.numerator}"""


# --- when a day is over ---


def _absence(within: int, through: int) -> str:
    return f"""
WITH followed AS (
    SELECT *, min(CASE WHEN against THEN day END) OVER (
        PARTITION BY subject ORDER BY day, moment, key ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS ended
    FROM trigger_fact WHERE candidate OR against
)
SELECT c.subject, c.account, c.key, c.day + {within}, c.instant, c.amount, NULL, NULL
FROM followed AS c
WHERE c.candidate AND c.day + {within} <= {through} AND (c.ended IS NULL OR c.ended > c.day + {within})
  AND NOT EXISTS (
    FROM trigger_fact AS r
    WHERE r.subject = c.subject AND r.reverses = c.key AND r.day BETWEEN c.day AND c.day + {within}
)"""


def _silence(trigger: Compiled, silence: Silence, through: int) -> str:
    span = silence.for_.number
    return f"""
WITH {_subjects(trigger)},
days AS (SELECT DISTINCT subject, day FROM trigger_fact WHERE matches),
gaps AS (SELECT *, lead(day) OVER (PARTITION BY subject ORDER BY day) AS following FROM days)
SELECT {_SUBJECT}, g.day + {span}, g.day, NULL, NULL, NULL
FROM gaps AS g INNER JOIN whose AS s USING (subject)
WHERE g.day + {span} <= {through} AND (g.following IS NULL OR g.following > g.day + {span})"""


def _subjects(trigger: Compiled) -> str:
    return _SUBJECTS.format(account="any_value(account)" if trigger.by_account else "CAST(NULL AS INTEGER)")


def _lost(trigger: Compiled, silence: Silence, through: int) -> str:
    had, has = changes.minor(silence.had, trigger), changes.minor(silence.has, trigger)
    then = _months_before("g.period_end", silence.for_.number)
    return f"""
WITH {_subjects(trigger)},
{_RUNNING},
{_grid("month", 0, "daily", through)},
probe AS (SELECT *, {then} AS then_day FROM grid AS g),
measured AS (
    SELECT q.subject, q.period_end, coalesce(o.amount, 0) + coalesce(n.total, 0) AS now,
           coalesce(o.amount, 0) + coalesce(t.total, 0) AS past
    FROM probe AS q
    ASOF LEFT JOIN running AS n ON n.subject = q.subject AND q.period_end >= n.day
    ASOF LEFT JOIN running AS t ON t.subject = q.subject AND q.then_day >= t.day
    LEFT JOIN trigger_opening AS o ON o.subject = q.subject
)
SELECT {_SUBJECT}, m.period_end, m.period_end, m.past, m.now, 1
FROM measured AS m INNER JOIN whose AS s USING (subject)
WHERE {_at_least("m.past", had)} AND m.now * {has.denominator} <= {has.numerator}"""


def _changed(trigger: Compiled, change: Change, through: int) -> str:
    value = "sum(amount)" if change.of == "sum" else "count(*)"
    first = "s.first_posting" if "postings" in trigger.definition.on else "s.first_day"
    share = change.of == "share"
    amount = "(2000 * w.part + w.now) // (2 * w.now)" if share else "w.now"
    top, under = ("1000 * w.past_part", "w.total") if share else ("w.total", str(change.baseline))
    return f"""
WITH {_subjects(trigger)},
tally AS (
    SELECT subject, {_period(change.every, "day")} AS period, CAST({value} AS HUGEINT) AS value,
           CAST(count(*) FILTER (WHERE leads) AS HUGEINT) AS part
    FROM trigger_fact WHERE matches GROUP BY ALL
),
matching AS (SELECT subject, day FROM trigger_fact WHERE matches),
{_grid(change.every, change.baseline, "matching", through)},
valued AS (
    SELECT g.*, coalesce(t.value, 0) AS now, coalesce(t.part, 0) AS part
    FROM grid AS g LEFT JOIN tally AS t USING (subject, period)
),
windowed AS (
    SELECT *, sum(now) OVER past AS total, min(now) OVER past AS lowest, max(now) OVER past AS highest,
           sum(part) OVER past AS past_part
    FROM valued
    WINDOW past AS (PARTITION BY subject ORDER BY period ROWS BETWEEN {change.baseline} PRECEDING AND 1 PRECEDING)
)
SELECT {_SUBJECT}, w.period_end, w.period_end, {amount}, {top}, {under}
FROM windowed AS w INNER JOIN whose AS s USING (subject)
WHERE w.period >= w.begun AND {first} <= w.past_start AND {_moved(trigger, change, str(change.baseline))}"""


def _changed_balance(trigger: Compiled, change: Change, through: int) -> str:
    return f"""
WITH {_subjects(trigger)},
{_RUNNING},
{_grid(change.every, change.baseline, "daily", through)},
valued AS (
    SELECT g.*, coalesce(o.amount, 0) + coalesce(n.total, 0) AS now,
           coalesce(o.amount, 0) * (g.past_end - g.past_start)
           + coalesce(g.past_end * e.total - e.weight, 0) - coalesce(g.past_start * b.total - b.weight, 0) AS total
    FROM grid AS g
    ASOF LEFT JOIN running AS n ON n.subject = g.subject AND g.period_end >= n.day
    ASOF LEFT JOIN running AS e ON e.subject = g.subject AND g.past_end >= e.day
    ASOF LEFT JOIN running AS b ON b.subject = g.subject AND g.past_start >= b.day
    LEFT JOIN trigger_opening AS o ON o.subject = g.subject
),
windowed AS (
    SELECT *, min(now) OVER past AS lowest, max(now) OVER past AS highest
    FROM valued
    WINDOW past AS (PARTITION BY subject ORDER BY period ROWS BETWEEN {change.baseline} PRECEDING AND 1 PRECEDING)
)
SELECT {_SUBJECT}, w.period_end, w.period_end, w.now, w.total, w.past_end - w.past_start
FROM windowed AS w INNER JOIN whose AS s USING (subject)
WHERE w.period >= w.begun AND s.first_posting <= w.past_start
  AND {_moved(trigger, change, "(w.past_end - w.past_start)")}"""


def _at_least(value: str, least: Fraction) -> str:
    return f"{value} * {least.denominator} >= {least.numerator}"


def _moved(trigger: Compiled, change: Change, units: str) -> str:
    """Whether a period's value has moved against those before: `changes.holds` once more."""
    amounts = change.of in ("sum", "closing_balance")
    least = changes.minor(change.at_least, trigger) if amounts else Fraction(change.at_least or 0)
    if change.at_least is None:
        least = Fraction(1)
    if change.moves_by is not None:
        p, q = change.moves_by.numerator, change.moves_by.denominator
        both = f"w.now > 0 AND w.total > 0 AND {_at_least('w.now', least)} AND {_at_least('w.total', least)}"
        return f"{both} AND abs(w.part * w.total - w.past_part * w.now) * {q} >= {p} * w.now * w.total"
    if change.begins:
        return f"{_at_least('w.now', least)} AND w.lowest = 0 AND w.highest = 0"
    if change.stops:
        return f"w.now = 0 AND {_at_least('w.lowest', least)}"
    factor = change.rises_above if change.falls_below is None else change.falls_below
    assert factor is not None  # noqa: S101 - exactly one of the ways
    than = ">" if change.falls_below is None else "<"
    enough = f"w.total * {least.denominator} >= {least.numerator} * {units}"
    return f"{enough} AND w.now * {units} * {factor.denominator} {than} {factor.numerator} * w.total"


# --- periods, numbered: months from January 1970, weeks from the one of 1 January 1970 ---

# So many weeks before 1970 that no bank's day lies there: whole division rounds towards zero.
_WEEKS = 100_000


def _period(every: str, day: str) -> str:
    if every == "week":
        return f"({day} + 3 + {7 * _WEEKS}) // 7 - {_WEEKS}"
    return f"datediff('month', DATE '1970-01-01', DATE '1970-01-01' + CAST({day} AS INTEGER))"


def _end(every: str, period: str) -> str:
    """The last day of a period."""
    if every == "week":
        return f"7 * ({period}) + 3"
    following = f"CAST(DATE '1970-01-01' + to_months(CAST({period} AS INTEGER) + 1) AS DATE)"
    return f"datediff('day', DATE '1970-01-01', {following}) - 1"


def _grid(every: str, baseline: int, of: str, through: int) -> str:
    """Every period of a subject from its first of `of` on, until the day `through`, and the baseline before that."""
    return f"""
begins AS (SELECT subject, min({_period(every, "day")}) AS begun FROM {of} GROUP BY ALL),
numbered AS (
    SELECT subject, begun, unnest(generate_series(begun - {baseline}, {_period(every, str(through))})) AS period
    FROM begins
),
grid AS (
    SELECT *, {_end(every, "period")} AS period_end, {_end(every, f"period - {baseline + 1}")} + 1 AS past_start,
           {_end(every, "period - 1")} + 1 AS past_end
    FROM numbered WHERE {_end(every, "period")} <= {through}
)"""
