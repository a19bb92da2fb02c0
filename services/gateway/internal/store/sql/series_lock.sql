-- Every terminal's head, in the one global order: what is being committed ends in the old series, what follows is in the new one.
SELECT terminal_id FROM sales.terminal_head ORDER BY terminal_id COLLATE "C" FOR UPDATE;
