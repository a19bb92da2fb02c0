-- A store's chains: of one terminal with all its series, of one series alone, or of all. There are few terminals.
SELECT terminal_id FROM audit.terminal WHERE store_id = $1 AND ($2 = '' OR terminal_id = $2 OR starts_with(terminal_id, $2 || '~'))
