-- The first row of a rate's id is kept, like the first leaf of a sale.
INSERT INTO anchor.rate (id, value, currency, tier, sources, observed_at)
SELECT * FROM unnest(@ids::text[], @values::text[], @currencies::text[], @tiers::text[], @sources::jsonb[], @observed::text[])
ON CONFLICT (id) DO NOTHING;
