SELECT raw FROM anchor.tx_attempt WHERE hash = @hash LIMIT 1;
