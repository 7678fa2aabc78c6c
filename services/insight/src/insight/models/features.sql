-- The dataset `features`: the profile with value quadrant and life-cycle stage, in the order of the customers' ids.
SELECT p.*, q.value_quadrant, l.lifecycle
FROM profile AS p
JOIN value_quadrant AS q ON q.customer_id = p.customer_id
JOIN lifecycle AS l ON l.customer_id = p.customer_id
ORDER BY p.customer_id
