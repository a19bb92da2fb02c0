-- Records of customers, of some and since a time where that is asked, that have no entry of theirs.
SELECT s.sale_id::text, s.customer_id FROM audit.sale s
WHERE s.customer_id IS NOT NULL AND ($1::text[] IS NULL OR s.customer_id = ANY ($1)) AND s.recorded_at_us BETWEEN $2 AND $3
  AND NOT EXISTS (SELECT FROM audit.loyalty_entry e WHERE e.sale_id = s.sale_id AND e.customer_id = s.customer_id)
ORDER BY s.customer_id, s.recorded_at_us
