SELECT kind, store_id, terminal_id, currency, total, customer_id IS NOT NULL, points_earned, points_redeemed, points_balance,
       recorded_at_us, sale_hash, refund_of, request, receipt_token
FROM sales.sale WHERE sale_id = $1;
