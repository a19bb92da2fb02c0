SELECT @row FROM sales.sale s WHERE s.sale_id = $1;
