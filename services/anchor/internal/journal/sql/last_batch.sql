-- The newest batch, the root of the log of the final ones, and the time: Postgres's, like all of the journal's, so that ages are computed
-- by one clock.
SELECT coalesce((SELECT max(batch_id) FROM anchor.batch WHERE deployment = @deployment), 0),
       (SELECT l.root FROM anchor.log l WHERE l.deployment = @deployment AND l.batch_id = (
            SELECT max(batch_id) FROM anchor.batch_event WHERE deployment = @deployment AND state = 'final')),
       clock_timestamp();
