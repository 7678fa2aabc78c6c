-- One row for every customer who had come by $as_of: all features but value quadrant and life-cycle stage, which look at
-- these rows. Prospects are no customers yet.
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
    COALESCE(b.loan_balance_minor, 0) AS loan_balance_minor,
    COALESCE(b.aum_minor, 0) AS aum_minor,
    COALESCE(b.aum_30d_minor, 0) AS aum_30d_minor,
    COALESCE(b.aum_90d_minor, 0) AS aum_90d_minor,
    COALESCE(b.aum_minor - b.aum_90d_ago_minor, 0) AS aum_change_90d_minor,
    COALESCE(b.demand_balance_minor - b.demand_30d_ago_minor, 0) AS demand_change_30d_minor,
    COALESCE(a.inflow_30d_minor, 0) AS inflow_30d_minor,
    COALESCE(a.inflow_90d_minor, 0) AS inflow_90d_minor,
    COALESCE(a.inflow_180d_minor, 0) AS inflow_180d_minor,
    COALESCE(a.outflow_30d_minor, 0) AS outflow_30d_minor,
    COALESCE(a.outflow_90d_minor, 0) AS outflow_90d_minor,
    COALESCE(a.outflow_180d_minor, 0) AS outflow_180d_minor,
    COALESCE(a.largest_credit_30d_minor, 0) AS largest_credit_30d_minor,
    COALESCE(a.largest_debit_30d_minor, 0) AS largest_debit_30d_minor,
    COALESCE(a.postings_90d, 0) AS postings_90d,
    COALESCE(a.active_months_12m, 0) AS active_months_12m,
    a.days_since_last_posting,
    COALESCE(s.salary_months_6m, 0) AS salary_months_6m,
    COALESCE(s.salary_mean_minor, 0) AS salary_mean_minor,
    s.salary_day_spread_6m,
    s.days_since_salary,
    CASE WHEN a.postings_90d > 0 THEN CAST(a.digital_90d AS DOUBLE) / CAST(a.postings_90d AS DOUBLE) END
        AS digital_share_90d,
    CASE WHEN a.postings_90d > 0 THEN CAST(a.counter_postings_90d AS DOUBLE) / CAST(a.postings_90d AS DOUBLE) END
        AS counter_share_90d,
    COALESCE(a.counter_postings_90d, 0) AS counter_postings_90d,
    COALESCE(a.mobile_postings_90d, 0) AS mobile_postings_90d,
    COALESCE(a.web_postings_90d, 0) AS web_postings_90d,
    COALESCE(a.atm_postings_90d, 0) AS atm_postings_90d,
    a.days_since_last_digital,
    COALESCE(h.products_held, 0) AS products_held,
    COALESCE(h.product_kinds_held, 0) AS product_kinds_held,
    COALESCE(h.product_coverage, CASE WHEN o.kinds > 0 THEN CAST(0 AS DOUBLE) END) AS product_coverage,
    COALESCE(h.holds_time_deposit, FALSE) OR COALESCE(b.time_balance_minor, 0) > 0 AS holds_time_deposit,
    COALESCE(h.holds_wealth, FALSE) OR COALESCE(b.wealth_balance_minor, 0) > 0 AS holds_wealth,
    COALESCE(h.maturing_30d_minor, 0) AS maturing_30d_minor,
    COALESCE(h.maturing_90d_minor, 0) AS maturing_90d_minor,
    COALESCE(a.purchases_365d, 0) AS purchases_365d,
    a.days_since_last_purchase,
    COALESCE(a.inflow_season_minor, 0) AS inflow_season_minor
FROM parties AS p
LEFT JOIN balances AS b ON b.customer_id = p.customer_id
LEFT JOIN activity AS a ON a.customer_id = p.customer_id
LEFT JOIN salaries AS s ON s.customer_id = p.customer_id
LEFT JOIN products_held AS h ON h.customer_id = p.customer_id
CROSS JOIN (SELECT COUNT(*) AS kinds FROM products) AS o
WHERE (p.opened_on IS NULL OR p.opened_on <= $as_of) AND p.party_kind <> 'prospect'
