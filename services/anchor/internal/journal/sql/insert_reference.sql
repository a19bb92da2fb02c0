-- The next reference of a currency. If another transaction has inserted this number first, the statement waits for it to commit, and then
-- inserts nothing.
INSERT INTO anchor.rate_reference (currency, number, value, operator, reason)
VALUES (@currency, @number, @value, @operator, @reason)
ON CONFLICT (currency, number) DO NOTHING;
