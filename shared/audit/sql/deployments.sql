SELECT deployment, chain_id::text, contract, coalesce(deployed_block, 0)::bigint FROM audit.deployment WHERE NOT retired ORDER BY deployment
