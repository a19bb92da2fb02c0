-- Records of a chain from one number to another, as many of the first as have $4 bytes together, and one at least. octet_length reads no
-- request that is stored apart.
SELECT sale_id, kind, refund_of, store_id, chain, record_number, previous_hash, customer_id, currency, total, points_earned, points_redeemed, points_delta,
       points_balance, purchase_number, recorded_at_us, request, salt, sale_hash, occurred_at, terminal_seq
FROM (SELECT *, sum(octet_length(request)) OVER (ORDER BY record_number) AS bytes
      FROM sales.sale WHERE chain = $1 AND record_number BETWEEN $2 AND $3) s
WHERE bytes <= $4 OR record_number = $2
ORDER BY record_number;
