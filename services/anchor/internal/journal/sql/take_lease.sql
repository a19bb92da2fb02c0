UPDATE anchor.lease SET epoch = epoch + 1, holder = @holder, at = clock_timestamp() RETURNING epoch;
