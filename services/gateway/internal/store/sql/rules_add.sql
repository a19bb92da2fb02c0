INSERT INTO sales.loyalty_rules (version, rules_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING;
