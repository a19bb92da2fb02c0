-- Sales that an operator released from parking some time ago and that still have no leaf: the search passed them while they were
-- parked. Bounded by @rows, the oldest first.
SELECT DISTINCT r.sale_id::text
FROM (SELECT sale_id FROM ledger.replay r
      WHERE r.at < @before
        AND NOT EXISTS (SELECT FROM anchor.leaf l WHERE l.sale_id = r.sale_id)
        AND NOT EXISTS (SELECT FROM ledger.held h WHERE h.sale_id = r.sale_id)
      ORDER BY r.at LIMIT @rows) r
