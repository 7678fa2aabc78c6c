-- The dataset `features`: the profile with its value quadrant, in the order of the customers' ids.
SELECT p.*, q.value_quadrant
FROM profile AS p
JOIN value_quadrant AS q ON q.customer_id = p.customer_id
ORDER BY p.customer_id
