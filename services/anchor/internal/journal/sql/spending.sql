-- What was spent on the deployment's chain in the last day and the last 30 days, each nonce counted once and as it was mined last; what the
-- newest batches took on average, failed ones aside and those whose id is a power of two, which make new state; and how many batches of the
-- deployment were full in the last hour.
WITH here AS (
    SELECT d.id FROM anchor.deployment d JOIN anchor.deployment p USING (chain_id, genesis_hash) WHERE p.id = @deployment
), spent AS (
    SELECT DISTINCT ON (c.sender, c.nonce) c.at, c.gas_used * c.price_wei + c.l1_fee_wei AS wei FROM anchor.tx_cost c
    WHERE c.at > clock_timestamp() - interval '30 days' AND c.deployment IN (SELECT id FROM here)
    ORDER BY c.sender, c.nonce, c.id DESC
), newest AS (
    SELECT gas_used, l1_fee_wei FROM anchor.tx_cost
    WHERE batch_id & (batch_id - 1) <> 0 AND NOT failed AND deployment IN (SELECT id FROM here) ORDER BY id DESC LIMIT @sample
)
SELECT coalesce((SELECT sum(wei) FROM spent WHERE at > clock_timestamp() - interval '1 day'), 0)::text, coalesce((SELECT sum(wei) FROM spent), 0)::text,
       coalesce((SELECT avg(gas_used) FROM newest), 0)::bigint, coalesce((SELECT avg(l1_fee_wei) FROM newest), 0)::numeric(78)::text,
       (SELECT count(*) FROM (SELECT size, at FROM anchor.batch WHERE deployment = @deployment ORDER BY batch_id DESC LIMIT @hourly) b
        WHERE size >= @full AND at > clock_timestamp() - interval '1 hour');
