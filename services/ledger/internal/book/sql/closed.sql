-- Which closings arrived. Each message is compared with the closing that the gateway stored before it published it: the same JSON value,
-- addressed by the same store. Returns the indexes, from 0, of those that are not.
WITH msg AS MATERIALIZED (
    SELECT chain, closing_number, store_id, body::jsonb AS body, ordinal
    FROM unnest(@chain::text[], @closing_number::bigint[], @store_id::text[], @body::text[])
         WITH ORDINALITY AS msg (chain, closing_number, store_id, body, ordinal)
), stored AS MATERIALIZED (
    SELECT msg.chain, msg.closing_number, msg.ordinal FROM msg
    CROSS JOIN LATERAL (
        SELECT FROM sales.closing c
        WHERE c.chain = msg.chain AND c.closing_number = msg.closing_number AND c.store_id = msg.store_id
          AND convert_from(c.body, 'UTF8')::jsonb = msg.body LIMIT 1
    ) AS closing
), written AS (
    INSERT INTO ledger.closed (chain, closing_number) SELECT DISTINCT chain, closing_number FROM stored ON CONFLICT DO NOTHING
)
SELECT ordinal::int - 1 FROM msg WHERE ordinal NOT IN (SELECT ordinal FROM stored) ORDER BY ordinal
