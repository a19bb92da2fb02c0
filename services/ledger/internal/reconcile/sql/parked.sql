-- What waits for an operator, by service, of what was parked at @from or later: how many messages, counted up to @rows, and since when.
SELECT service, count(*)::int AS parked, min(at) AS oldest
FROM (SELECT service, at FROM ledger.parking WHERE state = 'parked' AND at >= @from ORDER BY at LIMIT @rows) p GROUP BY service
