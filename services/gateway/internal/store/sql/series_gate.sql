-- Before all others, so that the statement after this one sees each terminal that was being added (terminal_add.sql).
SELECT FROM sales.terminal_head WHERE terminal_id = 'operator' FOR UPDATE;
