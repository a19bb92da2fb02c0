INSERT INTO sales.promise_key (kid, jwk, sale_id) VALUES ($1, $2, gen_random_uuid()) ON CONFLICT DO NOTHING;
