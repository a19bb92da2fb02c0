INSERT INTO anchor.deployed (deployment, block_number)
SELECT @deployment, @block_number
FROM (SELECT FROM anchor.lease WHERE epoch = @epoch FOR SHARE) AS held;
