SELECT coalesce(max(batch_id), 0) FROM anchor.batch WHERE deployment = @deployment;
