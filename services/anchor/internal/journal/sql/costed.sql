SELECT DISTINCT hash FROM anchor.tx_cost WHERE hash = ANY (@hashes::bytea[]);
