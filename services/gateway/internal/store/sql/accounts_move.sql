-- The guard: an account moves on only from the entry that was read under its lock. One that had moved, which a lock makes
-- impossible, divides by zero, so that the COMMIT behind this statement does not happen.
WITH moved AS (
    UPDATE sales.loyalty_account a
    SET points_balance = new.points_balance, purchases = new.purchases, entries = new.entries, last_recorded_us = new.last_recorded_us
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS new (customer_id, points_balance, purchases, entries, last_recorded_us, entries_before)
    WHERE a.customer_id = new.customer_id AND a.entries = new.entries_before
    RETURNING 1
)
SELECT 1 / (CASE WHEN count(*) = cardinality($1) THEN 1 ELSE 0 END) FROM moved;
