-- What waits for an operator among the messages parked at @from or later, by service: how many, counted up to @rows, and since when.
SELECT service, count(*)::int AS parked, min(at) AS oldest
FROM (SELECT service, at FROM ledger.parking WHERE state = 'parked' AND at >= @from ORDER BY at LIMIT @rows) p GROUP BY service
