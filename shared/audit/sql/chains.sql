-- Where the chains end, by what is kept of them. There are few terminals.
SELECT terminal_id, records, head_hash FROM audit.terminal ORDER BY terminal_id COLLATE "C"
