-- One closing, by its primary key.
SELECT from_number, to_number, body FROM audit.closing WHERE terminal_id = $1 AND closing_number = $2
