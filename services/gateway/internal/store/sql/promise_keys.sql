-- Every key that ever signed promises, oldest first.
SELECT jwk FROM sales.promise_key ORDER BY recorded_at, kid LIMIT $1;
