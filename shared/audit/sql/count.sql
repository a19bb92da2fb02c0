SELECT count(*) FROM audit.sale
