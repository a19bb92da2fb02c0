-- The customers of the spread runs have an account already: most sales are to those who come again.
INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us)
SELECT 'C-' || n, 0, 0, 0, 0 FROM generate_series(1, $1::bigint) AS n;
