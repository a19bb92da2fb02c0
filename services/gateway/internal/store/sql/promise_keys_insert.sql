INSERT INTO sales.promise_key (kid, jwk, sale_id) SELECT * FROM unnest(@kid::text[], @jwk::text[], @sale_id::uuid[]);
