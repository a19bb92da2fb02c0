-- The chains that there are deployments on.
SELECT DISTINCT chain_id::text, genesis_hash FROM anchor.deployment;
