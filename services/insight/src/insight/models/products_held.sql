-- Products held at the end of $as_of: bought by then and not yet matured; and what of them matures soon after.
WITH offered AS (
    SELECT COUNT(DISTINCT kind) AS kinds FROM products
)
SELECT
    h.customer_id,
    CAST(COUNT(DISTINCT h.product_id) AS INTEGER) AS products_held,
    CAST(COUNT(DISTINCT p.kind) AS INTEGER) AS product_kinds_held,
    CASE WHEN MAX(o.kinds) > 0 THEN CAST(COUNT(DISTINCT p.kind) AS DOUBLE) / CAST(MAX(o.kinds) AS DOUBLE) END
        AS product_coverage,
    MAX(CASE WHEN p.kind = 'time_deposit' THEN 1 ELSE 0 END) = 1 AS holds_time_deposit,
    MAX(CASE WHEN p.kind = 'wealth' THEN 1 ELSE 0 END) = 1 AS holds_wealth,
    CAST(SUM(CASE WHEN DATE_DIFF('day', $as_of, h.matures_on) <= 30 THEN h.amount_minor ELSE 0 END) AS BIGINT)
        AS maturing_30d_minor,
    CAST(SUM(CASE WHEN DATE_DIFF('day', $as_of, h.matures_on) <= 90 THEN h.amount_minor ELSE 0 END) AS BIGINT)
        AS maturing_90d_minor
FROM holdings AS h
LEFT JOIN products AS p ON p.product_id = h.product_id
CROSS JOIN offered AS o
WHERE (h.opened_on IS NULL OR h.opened_on <= $as_of) AND (h.matures_on IS NULL OR h.matures_on > $as_of)
GROUP BY h.customer_id
