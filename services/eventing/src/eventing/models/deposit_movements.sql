-- Every posting that moves a customer's deposits: on demand and time accounts, in the base currency, in X37's terms.
-- Days count from 1970-01-01, a moment in microseconds from the noon (UTC) of its day; one that is not known, or lies more
-- than $farthest from there, is that noon. Parameters: $before (exclusive), $currency, $months, $minimum, $farthest.
SELECT
    o.customer_id,
    t.account_id,
    t.posting_id,
    t.reverses,
    datediff('day', DATE '1970-01-01', t.business_date) AS day,
    datediff('day', DATE '1970-01-01', CAST(t.business_date - to_months($months) AS DATE)) AS start_day,
    CASE
        WHEN t.since_noon BETWEEN -$farthest AND $farthest THEN t.since_noon
        ELSE 0
    END AS moment,
    CASE WHEN t.direction = 'credit' THEN t.amount_minor ELSE -t.amount_minor END AS net,
    o.kind = 'demand'
    AND t.direction = 'credit'
    AND t.amount_minor >= $minimum
    AND t.reverses IS NULL
    AND NOT list_contains(t.flags, 'own_transfer')
    AND NOT list_contains(t.flags, 'maturity')
    AND NOT list_contains(t.flags, 'loan_payout')
    AND NOT list_contains(t.flags, 'reversal') AS candidate
FROM (
    SELECT
        *,
        epoch_us(booked_at) - epoch_us(CAST(business_date AS TIMESTAMP) + INTERVAL 12 HOUR) AS since_noon
    FROM transactions
) AS t
INNER JOIN account_owner AS o ON o.account_id = t.account_id
WHERE o.kind IN ('demand', 'time') AND t.currency = $currency AND t.business_date < $before
