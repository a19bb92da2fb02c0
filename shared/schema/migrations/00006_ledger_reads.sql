-- +goose Up
-- The ledger reads of a sale what its proof and its SaleRecorded say. The answer's bytes, the receipt's token and a till's own numbers
-- are the gateway's alone.
REVOKE SELECT ON sales.sale, sales.loyalty_account, sales.loyalty_entry FROM ledger;
GRANT SELECT (sale_id, kind, refund_of, store_id, terminal_id, customer_id, currency, total, points_delta, points_balance, purchase_number,
              recorded_at_us, request, salt, sale_hash) ON sales.sale TO ledger;

-- +goose Down
GRANT SELECT ON sales.sale, sales.loyalty_account, sales.loyalty_entry TO ledger;
