-- The time is Postgres's, like all of the journal's, so that ages are computed by one clock.
SELECT coalesce(max(batch_id), 0), clock_timestamp() FROM anchor.batch WHERE deployment = @deployment;
