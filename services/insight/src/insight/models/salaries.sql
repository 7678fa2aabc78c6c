-- Salaries and pensions. The six months that end with $as_of touch seven calendar months; six is the most that counts.
WITH paid AS (
    SELECT
        a.customer_id,
        t.business_date,
        t.amount_minor,
        t.business_date > CAST($as_of - INTERVAL 6 MONTH AS DATE) AS recent,
        EXTRACT(YEAR FROM t.business_date) * 12 + EXTRACT(MONTH FROM t.business_date) AS month
    FROM transactions AS t
    JOIN accounts AS a ON a.account_id = t.account_id
    WHERE t.kind IN ('salary', 'pension')
        AND t.direction = 'credit'
        AND t.business_date <= $as_of
        AND (a.opened_on IS NULL OR a.opened_on <= $as_of)
),
summed AS (
    SELECT
        customer_id,
        COUNT(DISTINCT CASE WHEN recent THEN month END) AS months,
        CAST(SUM(CASE WHEN recent THEN amount_minor ELSE 0 END) AS BIGINT) AS amount,
        MAX(CASE WHEN recent THEN EXTRACT(DAY FROM business_date) END) AS last_pay_day,
        MIN(CASE WHEN recent THEN EXTRACT(DAY FROM business_date) END) AS first_pay_day,
        MAX(business_date) AS last_paid_on
    FROM paid
    GROUP BY customer_id
)
SELECT
    customer_id,
    CAST(LEAST(months, 6) AS INTEGER) AS salary_months_6m,
    CASE WHEN months > 0 THEN amount // CAST(months AS BIGINT) ELSE 0 END AS salary_mean_minor,
    CASE WHEN months > 1 THEN CAST(last_pay_day - first_pay_day AS INTEGER) END AS salary_day_spread_6m,
    CAST(DATE_DIFF('day', last_paid_on, $as_of) AS INTEGER) AS days_since_salary
FROM summed
