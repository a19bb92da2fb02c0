-- The next reference of a currency; one that another put there first waits for it to be committed and then finds the number taken.
INSERT INTO anchor.rate_reference (currency, number, value, operator, reason)
VALUES (@currency, @number, @value, @operator, @reason)
ON CONFLICT (currency, number) DO NOTHING;
