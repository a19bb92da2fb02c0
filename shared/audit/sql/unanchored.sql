-- Records of a part that were recorded before a time, or after another one that is still to come, and stand in no batch up to the last one of a
-- deployment's that is mined; of those before a third one, that is final. Whether one stands in a mined one comes with it.
SELECT s.sale_id::text, coalesce(s.terminal_id, ''), greatest(s.record_number, 0), s.recorded_at_us, coalesce(s.answer, ''::bytea),
       EXISTS (SELECT FROM audit.batch_leaf m JOIN unnest($2::bigint[], $3::bigint[]) AS d (deployment, last) ON d.deployment = m.deployment
               WHERE m.sale_id = s.sale_id AND m.batch_id <= d.last)
FROM audit.sale s
WHERE (s.recorded_at_us < $1 OR s.recorded_at_us > $5) AND s.recorded_at_us BETWEEN $4 AND $8
  AND NOT EXISTS (SELECT FROM audit.batch_leaf m
                  JOIN unnest($2::bigint[], $3::bigint[], $6::bigint[]) AS d (deployment, last, final) ON d.deployment = m.deployment
                  WHERE m.sale_id = s.sale_id AND m.batch_id <= CASE WHEN s.recorded_at_us < $7 THEN d.final ELSE d.last END)
ORDER BY s.recorded_at_us
