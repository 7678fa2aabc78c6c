-- Balances of every customer with an account at the end of $as_of, and the mean daily closing assets of the 90 days
-- that end with it. An opening balance counts as a movement on the day of opening (for ever, where that is unknown);
-- a movement counts for the days of the window on which it stands: 90 at most, 1 for $as_of itself.
WITH movements AS (
    SELECT
        account_id,
        business_date AS day,
        CASE WHEN direction = 'credit' THEN amount_minor ELSE -amount_minor END AS amount
    FROM transactions
    WHERE business_date <= $as_of
),
by_account AS (
    SELECT
        account_id,
        CAST(SUM(amount) AS BIGINT) AS net,
        CAST(SUM(amount * LEAST(90, DATE_DIFF('day', day, $as_of) + 1)) AS BIGINT) AS integral
    FROM movements
    GROUP BY account_id
),
closing AS (
    SELECT
        a.customer_id,
        a.kind,
        a.opening_balance_minor + COALESCE(m.net, 0) AS balance,
        a.opening_balance_minor * LEAST(90, COALESCE(DATE_DIFF('day', a.opened_on, $as_of) + 1, 90))
            + COALESCE(m.integral, 0) AS integral
    FROM accounts AS a
    LEFT JOIN by_account AS m ON m.account_id = a.account_id
    WHERE (a.opened_on IS NULL OR a.opened_on <= $as_of) AND a.kind IN ('demand', 'time', 'wealth')
)
SELECT
    customer_id,
    CAST(SUM(CASE WHEN kind = 'demand' THEN balance ELSE 0 END) AS BIGINT) AS demand_balance_minor,
    CAST(SUM(CASE WHEN kind = 'time' THEN balance ELSE 0 END) AS BIGINT) AS time_balance_minor,
    CAST(SUM(CASE WHEN kind = 'wealth' THEN balance ELSE 0 END) AS BIGINT) AS wealth_balance_minor,
    CAST(SUM(integral) AS BIGINT) // 90 AS aum_90d_minor
FROM closing
GROUP BY customer_id
