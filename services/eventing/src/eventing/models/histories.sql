-- The keyed state of every customer as streaming would leave it (X34): the base up to the day that no window reaches
-- before, one net movement a day after it, and the credits and reversals that a late posting may still touch.
-- Parameters: $lateness, $months.
WITH daily AS (
    SELECT customer_id, day, CAST(sum(net) AS BIGINT) AS net
    FROM deposit_movement
    GROUP BY customer_id, day
),
edge AS (
    SELECT customer_id, min(day) AS first_day, max(day) AS last_day
    FROM daily
    GROUP BY customer_id
),
fold AS (
    SELECT
        customer_id,
        first_day,
        last_day,
        last_day - $lateness AS cut,
        datediff(
            'day', DATE '1970-01-01', CAST(DATE '1970-01-01' + CAST(last_day - $lateness AS INTEGER) - to_months($months) AS DATE)
        ) AS upto
    FROM edge
),
movement AS (
    SELECT
        d.customer_id,
        CAST(coalesce(sum(d.net) FILTER (WHERE d.day <= f.upto), 0) AS BIGINT) AS base,
        list(d.day ORDER BY d.day) FILTER (WHERE d.day > f.upto AND d.net <> 0) AS days,
        list(d.net ORDER BY d.day) FILTER (WHERE d.day > f.upto AND d.net <> 0) AS nets
    FROM daily AS d
    INNER JOIN fold AS f ON f.customer_id = d.customer_id
    GROUP BY d.customer_id
),
open_credit AS (
    SELECT
        m.customer_id,
        list(
            {'day': m.day, 'moment': m.moment, 'key': m.posting_id, 'amount': m.net, 'account': m.account_id}
            ORDER BY m.day, m.moment, m.posting_id
        ) AS credits
    FROM deposit_movement AS m
    INNER JOIN fold AS f ON f.customer_id = m.customer_id
    WHERE m.candidate AND m.day >= f.cut
    GROUP BY m.customer_id
)
SELECT f.customer_id, f.first_day, f.last_day, f.upto, f.cut, m.base, m.days, m.nets, c.credits
FROM fold AS f
INNER JOIN movement AS m ON m.customer_id = f.customer_id
LEFT JOIN open_credit AS c ON c.customer_id = f.customer_id
ORDER BY f.customer_id
