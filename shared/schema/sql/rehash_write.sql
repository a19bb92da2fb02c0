UPDATE sales.sale s SET previous_hash = n.previous_hash, sale_hash = n.sale_hash, answer = n.answer
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) AS n (sale_id, previous_hash, sale_hash, answer) WHERE s.sale_id = n.sale_id;
