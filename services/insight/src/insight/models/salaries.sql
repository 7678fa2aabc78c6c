-- Calendar months with a salary or pension in the six months that end with $as_of. Such a window touches seven calendar
-- months; six is the most that counts.
WITH months AS (
    SELECT DISTINCT
        a.customer_id,
        EXTRACT(YEAR FROM t.business_date) * 12 + EXTRACT(MONTH FROM t.business_date) AS month
    FROM transactions AS t
    JOIN accounts AS a ON a.account_id = t.account_id
    WHERE t.kind IN ('salary', 'pension')
        AND t.direction = 'credit'
        AND t.business_date > CAST($as_of - INTERVAL 6 MONTH AS DATE)
        AND t.business_date <= $as_of
        AND (a.opened_on IS NULL OR a.opened_on <= $as_of)
)
SELECT customer_id, CAST(LEAST(COUNT(*), 6) AS INTEGER) AS salary_months_6m
FROM months
GROUP BY customer_id
