-- What rows are checked by: the keys that ever signed promises, the last $1 of them, and up to which recorded_at there are no promises.
SELECT array(SELECT jwk FROM sales.promise_key ORDER BY recorded_at DESC, kid LIMIT $1),
       coalesce((SELECT recorded_at_us FROM sales.unpromised ORDER BY recorded_at_us DESC LIMIT 1), -1);
