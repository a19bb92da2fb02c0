SELECT sale_id::text, total_minor, refunded_minor, points_clawed, points_returned FROM audit.refund_state WHERE sale_id = ANY ($1::text[]::uuid[])
