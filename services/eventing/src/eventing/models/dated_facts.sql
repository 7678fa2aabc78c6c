-- The dates that datasets know of customers, one row each (docs/reference/triggers.md, `calendar`): maturities,
-- birthdays, expiries, beginnings. Parameter: $kinds.
WITH dated AS (
    SELECT
        h.customer_id, 'holding_matures_on' AS kind, h.holding_id AS source_id, h.matures_on AS day, h.account_id,
        h.product_id AS product, p.kind AS product_kind, h.amount_minor
    FROM holdings AS h
    LEFT JOIN products AS p ON p.product_id = h.product_id
    UNION ALL
    SELECT
        h.customer_id, 'holding_opened_on' AS kind, h.holding_id AS source_id, h.opened_on AS day, h.account_id,
        h.product_id AS product, p.kind AS product_kind, h.amount_minor
    FROM holdings AS h
    LEFT JOIN products AS p ON p.product_id = h.product_id
    UNION ALL
    SELECT
        customer_id, 'loan_matures_on' AS kind, loan_id AS source_id, matures_on AS day, account_id,
        NULL AS product, 'loan' AS product_kind, amount_minor
    FROM loans
    UNION ALL
    SELECT
        customer_id, 'card_expires_on' AS kind, card_id AS source_id, expires_on AS day, account_id,
        kind AS product, 'card' AS product_kind, NULL AS amount_minor
    FROM cards
    UNION ALL
    SELECT
        customer_id, 'birthday' AS kind, source_id, birth_date AS day, NULL AS account_id,
        NULL AS product, NULL AS product_kind, NULL AS amount_minor
    FROM parties
    UNION ALL
    SELECT
        customer_id, 'customer_since' AS kind, source_id, opened_on AS day, NULL AS account_id,
        NULL AS product, NULL AS product_kind, NULL AS amount_minor
    FROM parties
    UNION ALL
    SELECT
        customer_id, 'account_opened_on' AS kind, source_id, opened_on AS day, account_id,
        NULL AS product, kind AS product_kind, NULL AS amount_minor
    FROM accounts
)
SELECT customer_id, kind, source_id, day, account_id, product, product_kind, amount_minor
FROM dated
WHERE day IS NOT NULL AND list_contains($kinds, kind)
QUALIFY row_number() OVER (PARTITION BY customer_id, kind, source_id ORDER BY day) = 1
