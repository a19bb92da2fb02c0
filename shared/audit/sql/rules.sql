SELECT version, coalesce(rules, '') FROM audit.loyalty_rules
