-- Balances of every customer with an account at the end of $as_of and before it, and mean daily closing assets of the
-- days that end with it. An opening balance counts as a movement on the day of opening (for ever, where that is unknown);
-- a movement counts for the days of the window on which it stands: n at most, 1 for $as_of itself.
WITH movements AS (
    SELECT
        account_id,
        DATE_DIFF('day', business_date, $as_of) AS days_ago,
        CASE WHEN direction = 'credit' THEN amount_minor ELSE -amount_minor END AS amount
    FROM transactions
    WHERE business_date <= $as_of
),
by_account AS (
    SELECT
        account_id,
        CAST(SUM(amount) AS BIGINT) AS net,
        CAST(SUM(CASE WHEN days_ago >= 30 THEN amount ELSE 0 END) AS BIGINT) AS net_30d_ago,
        CAST(SUM(CASE WHEN days_ago >= 90 THEN amount ELSE 0 END) AS BIGINT) AS net_90d_ago,
        CAST(SUM(amount * LEAST(30, days_ago + 1)) AS BIGINT) AS integral_30d,
        CAST(SUM(amount * LEAST(90, days_ago + 1)) AS BIGINT) AS integral_90d
    FROM movements
    GROUP BY account_id
),
opened AS (
    SELECT
        account_id,
        customer_id,
        kind,
        opening_balance_minor AS opening,
        COALESCE(DATE_DIFF('day', opened_on, $as_of), 90) AS days_open
    FROM accounts
    WHERE (opened_on IS NULL OR opened_on <= $as_of) AND kind IN ('demand', 'time', 'wealth', 'loan')
),
closing AS (
    SELECT
        o.customer_id,
        o.kind,
        o.opening + COALESCE(m.net, 0) AS balance,
        CASE WHEN o.days_open >= 30 THEN o.opening ELSE 0 END + COALESCE(m.net_30d_ago, 0) AS balance_30d_ago,
        CASE WHEN o.days_open >= 90 THEN o.opening ELSE 0 END + COALESCE(m.net_90d_ago, 0) AS balance_90d_ago,
        o.opening * LEAST(30, o.days_open + 1) + COALESCE(m.integral_30d, 0) AS integral_30d,
        o.opening * LEAST(90, o.days_open + 1) + COALESCE(m.integral_90d, 0) AS integral_90d
    FROM opened AS o
    LEFT JOIN by_account AS m ON m.account_id = o.account_id
)
SELECT
    customer_id,
    CAST(SUM(CASE WHEN kind = 'demand' THEN balance ELSE 0 END) AS BIGINT) AS demand_balance_minor,
    CAST(SUM(CASE WHEN kind = 'time' THEN balance ELSE 0 END) AS BIGINT) AS time_balance_minor,
    CAST(SUM(CASE WHEN kind = 'wealth' THEN balance ELSE 0 END) AS BIGINT) AS wealth_balance_minor,
    CAST(SUM(CASE WHEN kind = 'loan' THEN balance ELSE 0 END) AS BIGINT) AS loan_balance_minor,
    CAST(SUM(CASE WHEN kind <> 'loan' THEN balance ELSE 0 END) AS BIGINT) AS aum_minor,
    CAST(SUM(CASE WHEN kind <> 'loan' THEN balance_90d_ago ELSE 0 END) AS BIGINT) AS aum_90d_ago_minor,
    CAST(SUM(CASE WHEN kind = 'demand' THEN balance_30d_ago ELSE 0 END) AS BIGINT) AS demand_30d_ago_minor,
    CAST(SUM(CASE WHEN kind <> 'loan' THEN integral_30d ELSE 0 END) AS BIGINT) // 30 AS aum_30d_minor,
    CAST(SUM(CASE WHEN kind <> 'loan' THEN integral_90d ELSE 0 END) AS BIGINT) // 90 AS aum_90d_minor
FROM closing
GROUP BY customer_id
