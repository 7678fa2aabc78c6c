-- What moved on each customer's accounts up to $as_of. A window of n days ends with $as_of and holds n days.
-- Undone postings and the reversals that undo them are no flow, no purchase and no new money; they stay postings.
WITH undone AS (
    SELECT DISTINCT account_id, reverses AS posting_id
    FROM transactions
    WHERE reverses IS NOT NULL AND business_date <= $as_of
),
postings AS (
    SELECT
        t.account_id,
        DATE_DIFF('day', t.business_date, $as_of) AS days_ago,
        t.direction,
        t.amount_minor,
        t.kind,
        COALESCE(t.channel IN ('mobile', 'web'), FALSE) AS digital,
        LIST_CONTAINS(t.flags, 'own_transfer') AS own_transfer,
        LIST_CONTAINS(t.flags, 'maturity') AS maturity,
        LIST_CONTAINS(t.flags, 'loan_payout') AS loan_payout,
        u.posting_id IS NULL AND t.reverses IS NULL AND NOT LIST_CONTAINS(t.flags, 'reversal') AS stands
    FROM transactions AS t
    LEFT JOIN undone AS u ON u.account_id = t.account_id AND u.posting_id = t.posting_id
    WHERE t.business_date <= $as_of
),
by_account AS (
    SELECT
        account_id,
        CAST(SUM(CASE
            WHEN days_ago < 90 AND direction = 'credit' AND stands AND NOT own_transfer AND NOT maturity
            THEN amount_minor ELSE 0
        END) AS BIGINT) AS inflow,
        CAST(SUM(CASE
            WHEN days_ago < 90 AND direction = 'debit' AND stands AND NOT own_transfer THEN amount_minor ELSE 0
        END) AS BIGINT) AS outflow,
        CAST(SUM(CASE WHEN days_ago < 90 THEN 1 ELSE 0 END) AS BIGINT) AS postings,
        CAST(SUM(CASE WHEN days_ago < 90 AND digital THEN 1 ELSE 0 END) AS BIGINT) AS digital,
        MAX(CASE
            WHEN days_ago < 30 AND direction = 'credit' AND stands AND NOT own_transfer AND NOT maturity AND NOT loan_payout
            THEN amount_minor ELSE 0
        END) AS largest_credit,
        MIN(days_ago) AS last_posting,
        CAST(SUM(CASE
            WHEN days_ago < 365 AND stands AND kind IN ('time_deposit_opened', 'wealth_purchase') THEN 1 ELSE 0
        END) AS BIGINT) AS purchases
    FROM postings
    GROUP BY account_id
)
SELECT
    a.customer_id,
    CAST(SUM(CASE WHEN a.kind IN ('demand', 'time', 'wealth') THEN m.inflow ELSE 0 END) AS BIGINT) AS inflow_90d_minor,
    CAST(SUM(CASE WHEN a.kind IN ('demand', 'time', 'wealth') THEN m.outflow ELSE 0 END) AS BIGINT) AS outflow_90d_minor,
    CAST(SUM(m.postings) AS INTEGER) AS postings_90d,
    CAST(SUM(m.digital) AS INTEGER) AS digital_90d,
    CAST(MAX(CASE WHEN a.kind = 'demand' THEN m.largest_credit ELSE 0 END) AS BIGINT) AS largest_credit_30d_minor,
    CAST(MIN(m.last_posting) AS INTEGER) AS days_since_last_posting,
    CAST(SUM(m.purchases) AS INTEGER) AS purchases_365d
FROM by_account AS m
JOIN accounts AS a ON a.account_id = m.account_id
WHERE a.opened_on IS NULL OR a.opened_on <= $as_of
GROUP BY a.customer_id
