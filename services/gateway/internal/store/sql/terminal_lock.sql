-- What changes a terminal's keys queues up here. The next statement sees what the one before it committed.
SELECT t.store_id FROM sales.terminal_status s JOIN sales.terminal t USING (terminal_id) WHERE s.terminal_id = $1 FOR UPDATE OF s;
