-- How many refunds sales have, of at most $3 that are counted, and what was sent of as many of the first as have $4 bytes together, where it is
-- asked for. Behind the lock of their refund states: there are no others. octet_length reads no request that is stored apart.
SELECT wanted.sale_id, found.refunds, found.requests, found.too_large
FROM unnest($1::uuid[], $2::boolean[]) AS wanted (sale_id, requests)
CROSS JOIN LATERAL (
    SELECT count(*) AS refunds, array_agg(request) FILTER (WHERE wanted.requests AND bytes <= $4) AS requests, coalesce(bool_or(bytes > $4), false) AS too_large
    FROM (SELECT request, sum(octet_length(request)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes
          FROM (SELECT request FROM sales.sale x WHERE x.refund_of = wanted.sale_id LIMIT $3) counted) measured
) found;
