-- Closes the repairs of sales that have a leaf now or are parked, and counts the rest, and those among them that may be in flight: a
-- repair's published_at is when the tick began that published it, so that the tick's own check did not see it.
WITH closed AS (
    UPDATE ledger.repair r SET next_at = NULL
    WHERE r.next_at IS NOT NULL
      AND (EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = r.sale_id) OR EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = r.sale_id))
    RETURNING r.sale_id
)
SELECT count(*)::int AS open, (count(*) FILTER (WHERE r.published_at >= @clear))::int AS in_flight
FROM ledger.repair r WHERE r.next_at IS NOT NULL AND r.sale_id NOT IN (SELECT sale_id FROM closed)
