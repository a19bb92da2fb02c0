-- A parked message as its service told it; the same telling delivered again adds nothing.
INSERT INTO ledger.parked (stream, sequence, service, reason, subject, sale_id, data, at)
SELECT stream, sequence, service, reason, subject, sale_id::uuid, data, at
FROM unnest(@stream::text[], @sequence::bigint[], @service::text[], @reason::text[], @subject::text[], @sale_id::text[], @data::bytea[],
            @at::timestamptz[])
     AS said (stream, sequence, service, reason, subject, sale_id, data, at)
ON CONFLICT DO NOTHING
