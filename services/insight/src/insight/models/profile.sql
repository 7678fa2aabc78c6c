-- One row for every customer who had come by $as_of: all features but the value quadrant, which ranks these rows.
SELECT
    p.customer_id,
    $as_of AS as_of,
    p.branch_id,
    CASE
        WHEN p.birth_date <= $as_of THEN CAST(
            EXTRACT(YEAR FROM $as_of) - EXTRACT(YEAR FROM p.birth_date)
            - CASE
                WHEN EXTRACT(MONTH FROM $as_of) * 100 + EXTRACT(DAY FROM $as_of)
                    < EXTRACT(MONTH FROM p.birth_date) * 100 + EXTRACT(DAY FROM p.birth_date)
                THEN 1 ELSE 0
            END AS INTEGER)
    END AS age,
    CAST(DATE_DIFF('day', p.opened_on, $as_of) AS INTEGER) AS tenure_days,
    COALESCE(b.demand_balance_minor, 0) AS demand_balance_minor,
    COALESCE(b.time_balance_minor, 0) AS time_balance_minor,
    COALESCE(b.wealth_balance_minor, 0) AS wealth_balance_minor,
    COALESCE(b.aum_90d_minor, 0) AS aum_90d_minor,
    COALESCE(a.inflow_90d_minor, 0) AS inflow_90d_minor,
    COALESCE(a.outflow_90d_minor, 0) AS outflow_90d_minor,
    COALESCE(a.postings_90d, 0) AS postings_90d,
    COALESCE(a.largest_credit_30d_minor, 0) AS largest_credit_30d_minor,
    COALESCE(s.salary_months_6m, 0) AS salary_months_6m,
    CASE WHEN a.postings_90d > 0 THEN CAST(a.digital_90d AS DOUBLE) / CAST(a.postings_90d AS DOUBLE) END
        AS digital_share_90d,
    COALESCE(h.products_held, 0) AS products_held,
    COALESCE(h.holds_time_deposit, FALSE) OR COALESCE(b.time_balance_minor, 0) > 0 AS holds_time_deposit,
    COALESCE(h.holds_wealth, FALSE) OR COALESCE(b.wealth_balance_minor, 0) > 0 AS holds_wealth,
    a.days_since_last_posting,
    COALESCE(a.purchases_365d, 0) AS purchases_365d
FROM parties AS p
LEFT JOIN balances AS b ON b.customer_id = p.customer_id
LEFT JOIN activity AS a ON a.customer_id = p.customer_id
LEFT JOIN salaries AS s ON s.customer_id = p.customer_id
LEFT JOIN products_held AS h ON h.customer_id = p.customer_id
WHERE p.opened_on IS NULL OR p.opened_on <= $as_of
