-- A till's own numbers from one to another in order, each with whether a record has it that comes before the end of a closing: one of an earlier
-- chain, or up to a number of this one. One that came again offline has come before. All are read, so that the limit bounds the work.
SELECT terminal_seq, terminal_id = ANY ($4::text[]) OR terminal_id = $5 AND record_number <= $6
FROM audit.sale WHERE base_terminal_id = $1 AND terminal_seq BETWEEN $2 AND $3 AND NOT seq_reused ORDER BY terminal_seq LIMIT $7
