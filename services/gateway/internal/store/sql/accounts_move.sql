-- The guard: an account moves on only from the entry that was read under its lock. One that had moved, which a lock makes
-- impossible, divides by zero, so that the COMMIT behind this statement does not happen.
WITH moved AS (
    UPDATE sales.loyalty_account a
    SET points_balance = new.points_balance, purchases = new.purchases, entries = new.entries, last_recorded_us = new.last_recorded_us,
        bonus_due = new.bonus_due
    FROM unnest(@customer_id::text[], @points_balance::bigint[], @purchases::bigint[], @entries::bigint[], @last_recorded_us::bigint[],
                @bonus_due::boolean[], @entries_before::bigint[])
        AS new (customer_id, points_balance, purchases, entries, last_recorded_us, bonus_due, entries_before)
    WHERE a.customer_id = ANY (ARRAY[new.customer_id]) AND a.entries = new.entries_before
    RETURNING 1
)
SELECT 1 / (CASE WHEN count(*) = cardinality(@customer_id) THEN 1 ELSE 0 END) FROM moved;
