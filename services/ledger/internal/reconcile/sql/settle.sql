-- Closes the repairs of sales that have a leaf now or are parked, and counts the rest and those of them that may be on their way:
-- what a tick publishes bears the time at which its look began, and was not seen by that look.
WITH closed AS (
    UPDATE ledger.repair r SET next_at = NULL
    WHERE r.next_at IS NOT NULL
      AND (EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = r.sale_id) OR EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = r.sale_id))
    RETURNING r.sale_id
)
SELECT count(*)::int AS open, (count(*) FILTER (WHERE r.published_at >= @clear))::int AS in_flight
FROM ledger.repair r WHERE r.next_at IS NOT NULL AND r.sale_id NOT IN (SELECT sale_id FROM closed)
