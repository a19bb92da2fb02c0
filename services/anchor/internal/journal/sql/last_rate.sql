SELECT number, value FROM anchor.rate_reference WHERE currency = @currency ORDER BY number DESC LIMIT 1;
