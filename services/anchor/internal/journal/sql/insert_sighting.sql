INSERT INTO anchor.sighting (deployment, ours, size)
SELECT @deployment, @ours, @size
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held;
