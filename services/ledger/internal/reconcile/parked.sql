-- What waits for an operator, by service; counted up to @rows messages.
SELECT service, count(*)::int AS parked
FROM (SELECT service FROM ledger.parking WHERE state = 'parked' LIMIT @rows) p GROUP BY service
