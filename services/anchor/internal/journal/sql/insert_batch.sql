INSERT INTO anchor.batch (deployment, batch_id, root, size)
SELECT @deployment, @batch_id, @root, @size
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held;
