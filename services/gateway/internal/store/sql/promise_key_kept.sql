-- A key as of one moment. Its row and the record that names it, whose request is the same JWK, are committed together: both are there and
-- agree, or neither is.
SELECT EXISTS (SELECT FROM sales.promise_key k JOIN sales.sale s ON s.sale_id = ANY (ARRAY[k.sale_id])
               WHERE k.kid = @kid AND k.jwk = @jwk AND s.terminal_id = @terminal_id AND s.idempotency_key = @idempotency_key
                 AND s.kind = 'key' AND s.request = convert_to(@jwk, 'UTF8')),
       EXISTS (SELECT FROM sales.promise_key WHERE kid = @kid)
           OR EXISTS (SELECT FROM sales.sale WHERE terminal_id = @terminal_id AND idempotency_key = @idempotency_key);
