-- The value quadrant (X27): A low/high, B high/high, C high/low, D low/low, read current/potential. `private` stands
-- outside the four; no age or no posting within $active_days is D. A rank is the share of the others strictly below:
-- equal values rank equal, and a crowd at zero is low.
WITH ranks AS (
    SELECT
        customer_id,
        PERCENT_RANK() OVER (ORDER BY aum_90d_minor) AS current_rank,
        PERCENT_RANK() OVER (ORDER BY inflow_90d_minor) AS inflow_rank,
        PERCENT_RANK() OVER (ORDER BY COALESCE(digital_share_90d, 0)) AS digital_rank,
        PERCENT_RANK() OVER (ORDER BY age) AS age_rank
    FROM profile
    WHERE age IS NOT NULL AND days_since_last_posting < $active_days
),
potentials AS (
    SELECT
        customer_id,
        current_rank >= $current_quantile AS high_current,
        CAST($inflow_weight AS DOUBLE) * inflow_rank
            + CAST($digital_weight AS DOUBLE) * digital_rank
            + CAST($youth_weight AS DOUBLE) * (1 - age_rank) AS potential
    FROM ranks
),
judged AS (
    SELECT
        customer_id,
        high_current,
        PERCENT_RANK() OVER (ORDER BY potential) > $potential_quantile AS high_potential
    FROM potentials
)
SELECT
    p.customer_id,
    CASE
        WHEN p.aum_90d_minor >= $private_at_minor THEN 'private'
        WHEN j.customer_id IS NULL THEN 'D'
        WHEN j.high_current AND j.high_potential THEN 'B'
        WHEN j.high_current THEN 'C'
        WHEN j.high_potential THEN 'A'
        ELSE 'D'
    END AS value_quadrant
FROM profile AS p
LEFT JOIN judged AS j ON j.customer_id = p.customer_id
