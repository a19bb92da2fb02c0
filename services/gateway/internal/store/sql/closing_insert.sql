-- The guard: the number and the key are free. A closing that another gateway is storing meanwhile is waited for.
INSERT INTO sales.closing (chain, closing_number, store_id, terminal_id, idempotency_key, from_number, to_number, closed_at_us, body)
VALUES (@chain, @closing_number, @store_id, @terminal_id, @idempotency_key, @from_number, @to_number, @closed_at_us, @body)
ON CONFLICT DO NOTHING;
