SELECT receipt_token FROM sales.sale WHERE sale_id = $1;
