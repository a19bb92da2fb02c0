SELECT array(SELECT jwk FROM audit.promise_key ORDER BY recorded_at DESC, kid LIMIT 1000), coalesce((SELECT max(recorded_at_us) FROM audit.unpromised), -1)
