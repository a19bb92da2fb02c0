-- The time is Postgres's: all the journal's times are, and ages are told by the same clock.
SELECT coalesce(max(batch_id), 0), clock_timestamp() FROM anchor.batch WHERE deployment = @deployment;
