-- Whether no reorg has undone an event since.
SELECT NOT EXISTS (
    SELECT FROM anchor.batch_event l
    WHERE l.deployment = @deployment AND l.batch_id = @batch_id AND l.id > @event_id AND l.state = 'reorged'
);
