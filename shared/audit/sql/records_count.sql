-- About how many records there are, for the progress.
SELECT coalesce(sum(records), 0)::bigint FROM audit.terminal
