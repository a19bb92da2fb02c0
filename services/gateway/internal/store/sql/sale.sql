SELECT EXISTS (SELECT FROM sales.sale WHERE sale_id = $1 AND store_id = $2);
