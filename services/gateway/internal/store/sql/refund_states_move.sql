-- A sale of the same group has no row to lock: nobody else can know it yet. The guard is that of accounts_move.sql.
WITH moved AS (
    INSERT INTO sales.refund_state AS r (sale_id, total_minor, refunded_minor, points_clawed, points_returned)
    SELECT * FROM unnest(@sale_id::uuid[], @total_minor::bigint[], @refunded_minor::bigint[], @points_clawed::bigint[], @points_returned::bigint[])
    ON CONFLICT (sale_id) DO UPDATE SET refunded_minor = excluded.refunded_minor, points_clawed = excluded.points_clawed,
        points_returned = excluded.points_returned
    WHERE r.refunded_minor < excluded.refunded_minor
    RETURNING 1
)
SELECT 1 / (CASE WHEN count(*) = cardinality(@sale_id) THEN 1 ELSE 0 END) FROM moved;
