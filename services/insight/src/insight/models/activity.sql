-- What moved on each customer's accounts up to $as_of. A window of n days ends with $as_of and holds n days.
-- Undone postings and the reversals that undo them are no flow, no purchase and no new money; they stay postings.
WITH undone AS (
    SELECT DISTINCT account_id, reverses AS posting_id
    FROM transactions
    WHERE reverses IS NOT NULL AND business_date <= $as_of
),
postings AS (
    SELECT
        a.customer_id,
        a.kind = 'demand' AS on_demand,
        DATE_DIFF('day', t.business_date, $as_of) AS days_ago,
        EXTRACT(YEAR FROM t.business_date) * 12 + EXTRACT(MONTH FROM t.business_date) AS month,
        t.amount_minor AS amount,
        t.channel,
        COALESCE(t.channel IN ('mobile', 'web'), FALSE) AS digital,
        u.posting_id IS NULL AND t.reverses IS NULL AND NOT LIST_CONTAINS(t.flags, 'reversal') AS stands,
        t.direction = 'credit' AND a.kind IN ('demand', 'time', 'wealth')
            AND NOT LIST_CONTAINS(t.flags, 'own_transfer') AND NOT LIST_CONTAINS(t.flags, 'maturity') AS inflow,
        t.direction = 'debit' AND a.kind IN ('demand', 'time', 'wealth')
            AND NOT LIST_CONTAINS(t.flags, 'own_transfer') AS outflow,
        NOT LIST_CONTAINS(t.flags, 'loan_payout') AS not_borrowed,
        t.kind IN ('time_deposit_opened', 'wealth_purchase') AS purchase
    FROM transactions AS t
    JOIN accounts AS a ON a.account_id = t.account_id
    LEFT JOIN undone AS u ON u.account_id = t.account_id AND u.posting_id = t.posting_id
    WHERE t.business_date <= $as_of AND (a.opened_on IS NULL OR a.opened_on <= $as_of)
)
SELECT
    customer_id,
    CAST(SUM(CASE WHEN days_ago < 30 AND inflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS inflow_30d_minor,
    CAST(SUM(CASE WHEN days_ago < 90 AND inflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS inflow_90d_minor,
    CAST(SUM(CASE WHEN days_ago < 180 AND inflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS inflow_180d_minor,
    CAST(SUM(CASE WHEN days_ago < 30 AND outflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS outflow_30d_minor,
    CAST(SUM(CASE WHEN days_ago < 90 AND outflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS outflow_90d_minor,
    CAST(SUM(CASE WHEN days_ago < 180 AND outflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS outflow_180d_minor,
    CAST(MAX(CASE WHEN days_ago < 30 AND inflow AND stands AND not_borrowed AND on_demand THEN amount ELSE 0 END) AS BIGINT)
        AS largest_credit_30d_minor,
    CAST(MAX(CASE WHEN days_ago < 30 AND outflow AND stands THEN amount ELSE 0 END) AS BIGINT) AS largest_debit_30d_minor,
    CAST(SUM(CASE WHEN days_ago BETWEEN 335 AND 364 AND inflow AND stands THEN amount ELSE 0 END) AS BIGINT)
        AS inflow_season_minor,
    CAST(SUM(CASE WHEN days_ago < 90 THEN 1 ELSE 0 END) AS INTEGER) AS postings_90d,
    CAST(SUM(CASE WHEN days_ago < 90 AND digital THEN 1 ELSE 0 END) AS INTEGER) AS digital_90d,
    CAST(SUM(CASE WHEN days_ago < 90 AND channel = 'counter' THEN 1 ELSE 0 END) AS INTEGER) AS counter_postings_90d,
    CAST(SUM(CASE WHEN days_ago < 90 AND channel = 'mobile' THEN 1 ELSE 0 END) AS INTEGER) AS mobile_postings_90d,
    CAST(SUM(CASE WHEN days_ago < 90 AND channel = 'web' THEN 1 ELSE 0 END) AS INTEGER) AS web_postings_90d,
    CAST(SUM(CASE WHEN days_ago < 90 AND channel = 'atm' THEN 1 ELSE 0 END) AS INTEGER) AS atm_postings_90d,
    CAST(COUNT(DISTINCT CASE WHEN days_ago < 365 THEN month END) AS INTEGER) AS active_months_12m,
    CAST(MIN(days_ago) AS INTEGER) AS days_since_last_posting,
    CAST(MIN(CASE WHEN digital THEN days_ago END) AS INTEGER) AS days_since_last_digital,
    CAST(SUM(CASE WHEN days_ago < 365 AND stands AND purchase THEN 1 ELSE 0 END) AS INTEGER) AS purchases_365d,
    CAST(MIN(CASE WHEN stands AND purchase THEN days_ago END) AS INTEGER) AS days_since_last_purchase
FROM postings
GROUP BY customer_id
