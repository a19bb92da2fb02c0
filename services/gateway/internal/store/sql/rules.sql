SELECT rules_hash FROM sales.loyalty_rules WHERE version = $1;
