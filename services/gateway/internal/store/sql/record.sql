SELECT @row FROM sales.sale s WHERE s.sale_id = $1 AND s.store_id = $2;
