SELECT body FROM (SELECT * FROM sales.closing WHERE chain = $1 AND closing_number = $2 OFFSET 0) c WHERE store_id = $3;
