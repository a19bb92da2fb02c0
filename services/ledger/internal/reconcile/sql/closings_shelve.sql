-- What NATS does not take for its size is due no more, counts neither as missing nor as in flight, and keeps no other closing waiting.
UPDATE ledger.reclose r SET next_at = 'infinity'
FROM unnest(@chains::text[], @numbers::bigint[]) AS large (chain, closing_number)
WHERE r.chain = large.chain AND r.closing_number = large.closing_number AND r.next_at IS NOT NULL
