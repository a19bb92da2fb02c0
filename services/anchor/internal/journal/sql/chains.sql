-- The chains with deployments.
SELECT DISTINCT chain_id::text, genesis_hash FROM anchor.deployment;
