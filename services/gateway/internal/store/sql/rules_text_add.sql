INSERT INTO sales.loyalty_rules_text (version, rules) VALUES ($1, $2) ON CONFLICT DO NOTHING;
