-- The life-cycle stage, the first of these that is true:
--   lost       nothing posted for $lost_days, or never, by a customer of more than $new_days
--   new        a customer for at most $new_days
--   honeymoon  a customer for at most $honeymoon_days
--   decline    assets fell within 90 days by $decline_percent of what they were, or more
--   growth     assets rose within 90 days by $growth_percent of what they were, or more
--   mature     everybody else
-- Who came on an unknown day came long ago.
WITH facts AS (
    SELECT
        customer_id,
        COALESCE(tenure_days, $honeymoon_days + 1) AS tenure,
        days_since_last_posting AS silent,
        aum_change_90d_minor AS change,
        aum_minor - aum_change_90d_minor AS before
    FROM profile
)
SELECT
    customer_id,
    CASE
        WHEN tenure > $new_days AND COALESCE(silent, $lost_days) >= $lost_days THEN 'lost'
        WHEN tenure <= $new_days THEN 'new'
        WHEN tenure <= $honeymoon_days THEN 'honeymoon'
        WHEN change < 0 AND -change * 100 >= before * $decline_percent THEN 'decline'
        WHEN change > 0 AND change * 100 >= before * $growth_percent THEN 'growth'
        ELSE 'mature'
    END AS lifecycle
FROM facts
