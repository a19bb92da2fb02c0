SELECT sale_id, total_minor, refunded_minor, points_clawed, points_returned
FROM sales.refund_state WHERE sale_id = ANY ($1::uuid[]) ORDER BY sale_id::text COLLATE "C" FOR UPDATE; -- the same order, see accounts_lock.sql
