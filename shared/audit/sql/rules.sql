SELECT version, coalesce(rules, ''), coalesce(rules_hash, '') FROM audit.loyalty_rules
