-- A parked message as its service reported it; the same report delivered again adds nothing. It holds its sale back, unless it was forged
-- or contradicts the committed sale: then the true sale goes on.
INSERT INTO ledger.parked (stream, sequence, service, reason, subject, sale_id, data, at, holds)
SELECT stream, sequence, service, reason, subject, sale_id::uuid, data, at,
       NOT forged AND NOT EXISTS (
           SELECT FROM sales.sale s
           WHERE s.sale_id = msg.sale_id::uuid
             AND (msg.sale_hash IS DISTINCT FROM s.sale_hash OR msg.currency <> s.currency OR msg.total <> s.total)
       )
FROM unnest(@stream::text[], @sequence::bigint[], @service::text[], @reason::text[], @subject::text[], @sale_id::text[], @data::bytea[],
            @at::timestamptz[], @forged::boolean[], @sale_hash::bytea[], @currency::text[], @total::text[])
     AS msg (stream, sequence, service, reason, subject, sale_id, data, at, forged, sale_hash, currency, total)
ON CONFLICT DO NOTHING
