SELECT block_number::bigint FROM anchor.deployed WHERE deployment = @deployment ORDER BY id DESC LIMIT 1;
