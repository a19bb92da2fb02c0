-- +goose Up
-- A parked message holds its sale back from repairs, unless it was forged or says something else than the committed sale: then it is
-- kept and shown, and the true sale goes its way.
ALTER TABLE ledger.parked ADD COLUMN holds boolean NOT NULL DEFAULT true;

CREATE OR REPLACE VIEW ledger.held AS
SELECT p.stream, p.sequence, p.service, p.reason, p.subject, p.sale_id, p.data, p.at FROM ledger.parked p
WHERE p.holds
  AND NOT EXISTS (SELECT FROM ledger.replay r
                  WHERE (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at));

CREATE OR REPLACE VIEW ledger.parking AS
SELECT p.stream, p.sequence, p.service, p.reason, p.subject, p.sale_id, p.data, p.at,
       CASE WHEN r.at IS NOT NULL THEN 'replayed' WHEN d.at IS NOT NULL THEN 'discarded' ELSE 'parked' END AS state,
       coalesce(r.operator, d.operator) AS decided_by, coalesce(r.reason, d.reason) AS decided_because, coalesce(r.at, d.at) AS decided_at,
       p.holds
FROM ledger.parked p
LEFT JOIN ledger.replay r ON (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at)
LEFT JOIN ledger.discard d ON (d.service, d.stream, d.sequence, d.parked_at) = (p.service, p.stream, p.sequence, p.at);

-- +goose Down
DROP VIEW audit.parked;
DROP VIEW ledger.parking;
CREATE VIEW ledger.parking AS
SELECT p.stream, p.sequence, p.service, p.reason, p.subject, p.sale_id, p.data, p.at,
       CASE WHEN r.at IS NOT NULL THEN 'replayed' WHEN d.at IS NOT NULL THEN 'discarded' ELSE 'parked' END AS state,
       coalesce(r.operator, d.operator) AS decided_by, coalesce(r.reason, d.reason) AS decided_because, coalesce(r.at, d.at) AS decided_at
FROM ledger.parked p
LEFT JOIN ledger.replay r ON (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at)
LEFT JOIN ledger.discard d ON (d.service, d.stream, d.sequence, d.parked_at) = (p.service, p.stream, p.sequence, p.at);
CREATE VIEW audit.parked AS
SELECT sale_id, service, stream, sequence, reason, at AS parked_at, state, decided_by, decided_because, decided_at
FROM ledger.parking;
GRANT SELECT ON ledger.parking TO ledger;
GRANT SELECT ON audit.parked TO auditor;
CREATE OR REPLACE VIEW ledger.held AS
SELECT p.stream, p.sequence, p.service, p.reason, p.subject, p.sale_id, p.data, p.at FROM ledger.parked p
WHERE NOT EXISTS (SELECT FROM ledger.replay r
                  WHERE (r.service, r.stream, r.sequence, r.parked_at) = (p.service, p.stream, p.sequence, p.at));
ALTER TABLE ledger.parked DROP COLUMN holds;
