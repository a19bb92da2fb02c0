-- A terminal's own numbers from one to another in their order, each with whether a record has it that belongs to an earlier chain or is not
-- beyond a number of this one. One that came again offline has come before. All are read, so that the limit bounds the work whichever they are.
SELECT terminal_seq, chain = ANY (coalesce($4::text[], '{}')) OR chain = $5 AND record_number <= $6
FROM sales.sale WHERE terminal_id = $1 AND terminal_seq BETWEEN $2 AND $3 AND NOT seq_reused
ORDER BY terminal_seq LIMIT $7;
