-- How many there are on all pages, with list.sql's conditions but for the position.
SELECT count(*) FROM ledger.parking p LEFT JOIN sales.sale s USING (sale_id)
WHERE p.state = @state AND (@service::text = '' OR p.service = @service) AND (@currency::text = '' OR s.currency = @currency)
