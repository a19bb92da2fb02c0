-- Opens findings, or has them stay open.
INSERT INTO ledger.audit_finding AS f (finding, run, kind, body, found_at)
SELECT finding, @run, kind, body, @now FROM unnest(@findings::text[], @kinds::text[], @bodies::jsonb[]) AS n (finding, kind, body)
ON CONFLICT (finding) DO UPDATE SET run = excluded.run, body = excluded.body, cleared_at = NULL,
    found_at = CASE WHEN f.cleared_at IS NULL THEN f.found_at ELSE excluded.found_at END,
    published_at = CASE WHEN f.cleared_at IS NULL THEN f.published_at END
