-- A parked message as its service told it; the same telling delivered again adds nothing. It holds its sale back, unless it was forged or
-- says something else than the sale as it was committed: then the true sale goes its way.
INSERT INTO ledger.parked (stream, sequence, service, reason, subject, sale_id, data, at, holds)
SELECT stream, sequence, service, reason, subject, sale_id::uuid, data, at,
       NOT forged AND NOT EXISTS (
           SELECT FROM sales.sale s
           WHERE s.sale_id = said.sale_id::uuid
             AND (said.sale_hash IS DISTINCT FROM s.sale_hash OR said.currency <> s.currency OR said.total <> s.total)
       )
FROM unnest(@stream::text[], @sequence::bigint[], @service::text[], @reason::text[], @subject::text[], @sale_id::text[], @data::bytea[],
            @at::timestamptz[], @forged::boolean[], @sale_hash::bytea[], @currency::text[], @total::text[])
     AS said (stream, sequence, service, reason, subject, sale_id, data, at, forged, sale_hash, currency, total)
ON CONFLICT DO NOTHING
