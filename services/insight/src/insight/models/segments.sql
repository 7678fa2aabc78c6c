-- The dataset `segments`: who belongs to which part of which segment. A segment with one part has the value `member`.
SELECT customer_id, as_of, 'value_quadrant' AS segment, value_quadrant AS value
FROM features
UNION ALL
SELECT customer_id, as_of, 'lifecycle' AS segment, lifecycle AS value
FROM features
UNION ALL
SELECT customer_id, as_of, 'payroll' AS segment, 'member' AS value
FROM features
WHERE salary_months_6m >= $payroll_months
UNION ALL
SELECT customer_id, as_of, 'silver_hair' AS segment, 'member' AS value
FROM features
WHERE age >= $silver_hair_age
UNION ALL
SELECT customer_id, as_of, 'digital' AS segment, 'member' AS value
FROM features
WHERE digital_share_90d >= $digital_share
ORDER BY segment, value, customer_id
