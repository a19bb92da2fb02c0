-- When the newest record up to now was made, in Unix microseconds; 0 without one.
SELECT coalesce((SELECT recorded_at_us FROM sales.sale WHERE recorded_at_us <= @now ORDER BY recorded_at_us DESC LIMIT 1), 0)
