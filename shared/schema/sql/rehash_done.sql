DROP INDEX sales.sale_rehash;
