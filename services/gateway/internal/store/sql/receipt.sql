SELECT receipt_token, coalesce(rules_version, '') FROM sales.sale WHERE sale_id = $1;
