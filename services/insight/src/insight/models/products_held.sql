-- Products held at the end of $as_of: bought by then and not yet matured.
SELECT
    h.customer_id,
    CAST(COUNT(DISTINCT h.product_id) AS INTEGER) AS products_held,
    MAX(CASE WHEN p.kind = 'time_deposit' THEN 1 ELSE 0 END) = 1 AS holds_time_deposit,
    MAX(CASE WHEN p.kind = 'wealth' THEN 1 ELSE 0 END) = 1 AS holds_wealth
FROM holdings AS h
LEFT JOIN products AS p ON p.product_id = h.product_id
WHERE (h.opened_on IS NULL OR h.opened_on <= $as_of) AND (h.matures_on IS NULL OR h.matures_on > $as_of)
GROUP BY h.customer_id
