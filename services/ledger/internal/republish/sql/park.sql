-- Parks sales that can't be published. The sequence is the time of recording; two of the same moment differ in the time of parking.
INSERT INTO ledger.parked (stream, sequence, service, reason, subject, sale_id, data, at, holds)
SELECT @stream, recorded_at_us, 'ledger', reason, '', sale_id::uuid, '', @now::timestamptz + ordinal * interval '1 microsecond', true
FROM unnest(@sale_ids::text[], @recorded::bigint[], @reasons::text[]) WITH ORDINALITY AS refused (sale_id, recorded_at_us, reason, ordinal)
ON CONFLICT DO NOTHING
