-- When the closing before one was closed in the same name; 0 for the first.
SELECT coalesce((SELECT closed_at_us FROM audit.closing WHERE terminal_id = $1 AND closing_number = $2 - 1), 0)
