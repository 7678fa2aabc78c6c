-- Credits above the customer's own mean closing balance (X34, X37): prefix sums over a union of movements and probes, in
-- one window pass. With total = sum(net) and moment = sum(net * day) up to x, the integral of the closing balance over the
-- days before x is x * total - moment; a movement on x itself adds nothing to it.
WITH daily AS (
    SELECT customer_id, day, CAST(sum(net) AS BIGINT) AS net
    FROM deposit_movement
    GROUP BY customer_id, day
),
history AS (
    SELECT customer_id, min(day) AS first_day
    FROM daily
    GROUP BY customer_id
),
opening AS (
    SELECT customer_id, CAST(sum(opening_balance_minor) AS BIGINT) AS amount
    FROM account_owner
    WHERE kind IN ('demand', 'time')
    GROUP BY customer_id
),
credit AS (
    SELECT m.customer_id, m.posting_id, m.account_id, m.day, m.moment, m.start_day, m.net AS amount
    FROM deposit_movement AS m
    INNER JOIN history AS h ON h.customer_id = m.customer_id
    WHERE m.candidate AND h.first_day <= m.start_day
),
points AS (
    SELECT customer_id, day, net, net * day AS weighted, 0 AS probe FROM daily
    UNION ALL
    SELECT customer_id, day, 0 AS net, 0 AS weighted, 1 AS probe FROM credit
    UNION ALL
    SELECT customer_id, start_day AS day, 0 AS net, 0 AS weighted, 1 AS probe FROM credit
),
running AS (
    SELECT
        customer_id,
        day,
        probe,
        CAST(sum(net) OVER upto AS BIGINT) AS total,
        CAST(sum(weighted) OVER upto AS BIGINT) AS moment
    FROM points
    WINDOW upto AS (PARTITION BY customer_id ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
area AS (
    SELECT customer_id, day, max(day * total - moment) AS before_day
    FROM running
    WHERE probe = 1
    GROUP BY customer_id, day
),
judged AS (
    SELECT
        c.customer_id,
        c.posting_id,
        c.account_id,
        c.day,
        c.moment,
        c.amount,
        c.day - c.start_day AS length,
        e.before_day - s.before_day + coalesce(o.amount, 0) * (c.day - c.start_day) AS integral
    FROM credit AS c
    INNER JOIN area AS e ON e.customer_id = c.customer_id AND e.day = c.day
    INNER JOIN area AS s ON s.customer_id = c.customer_id AND s.day = c.start_day
    LEFT JOIN opening AS o ON o.customer_id = c.customer_id
)
SELECT customer_id, posting_id, account_id, day, moment, amount, integral, length
FROM judged
WHERE amount * length > integral
