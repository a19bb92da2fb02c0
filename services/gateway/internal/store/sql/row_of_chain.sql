SELECT @row FROM sales.sale s WHERE s.chain = $1 AND s.record_number = $2;
