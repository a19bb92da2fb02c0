-- The outcome of a transaction whose COMMIT got no answer: committed, aborted or in progress.
SELECT pg_xact_status($1::text::xid8), (SELECT count(*) FROM sales.sale WHERE sale_id = ANY ($2::uuid[]));
