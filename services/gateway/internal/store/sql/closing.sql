SELECT body FROM sales.closing WHERE chain = $1 AND closing_number = $2 AND store_id = $3;
