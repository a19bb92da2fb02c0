-- What is kept of the log with a batch of the journal.
SELECT root, nodes FROM anchor.log WHERE deployment = @deployment AND batch_id = @batch_id;
