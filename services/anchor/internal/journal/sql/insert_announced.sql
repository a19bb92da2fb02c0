INSERT INTO anchor.announced (event_id, what)
SELECT @event_id, @what
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held
ON CONFLICT DO NOTHING;
