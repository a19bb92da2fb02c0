SELECT DISTINCT hash FROM anchor.tx_cost WHERE deployment = @deployment AND hash = ANY (@hashes::bytea[]);
