-- Closes what has arrived, and counts the rest, and those among them that may be in flight, as in close_repaired.sql.
-- Those that closings_shelve.sql has put aside are neither.
WITH closed AS (
    UPDATE ledger.reclose r SET next_at = NULL
    WHERE r.next_at IS NOT NULL AND EXISTS (SELECT FROM ledger.closed c WHERE c.chain = r.chain AND c.closing_number = r.closing_number)
    RETURNING r.chain, r.closing_number
)
SELECT count(*)::int AS open, (count(*) FILTER (WHERE r.published_at >= @clear))::int AS in_flight
FROM ledger.reclose r WHERE r.next_at < 'infinity' AND (r.chain, r.closing_number) NOT IN (SELECT chain, closing_number FROM closed)
