CREATE INDEX sale_rehash ON sales.sale (chain, record_number);
