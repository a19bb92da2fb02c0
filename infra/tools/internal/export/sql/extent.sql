-- Between which numbers a chain's records of a period stand, and how many there are: numbers and times need not rise together, since clocks are
-- set. That it counts keeps Postgres from looking for the first number from the chain's beginning.
SELECT count(*), coalesce(min(record_number), 0), coalesce(max(record_number), 0) FROM audit.sale
WHERE terminal_id = $1 AND recorded_at_us >= $2 AND recorded_at_us < $3
