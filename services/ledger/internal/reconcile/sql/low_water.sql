SELECT look, place, sale_id::text FROM ledger.low_water;
