-- Many rows, in the order of sales_insert.sql.
COPY sales.sale (@columns) FROM STDIN (FORMAT binary);
