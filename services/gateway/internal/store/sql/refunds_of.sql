-- How many refunds sales have, of at most $2 that are counted, and how many bytes they sent together. Behind the lock of their refund states:
-- there are no others. octet_length reads no request that is stored apart.
SELECT wanted.sale_id, found.refunds, found.bytes
FROM unnest($1::uuid[]) AS wanted (sale_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS refunds, coalesce(sum(octet_length(request)), 0)::bigint AS bytes
    FROM (SELECT request FROM sales.sale x WHERE x.refund_of = wanted.sale_id LIMIT $2) counted
) found;
