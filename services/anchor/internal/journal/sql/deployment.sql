SELECT chain_id::bigint, contract FROM anchor.deployment WHERE id = @deployment;
