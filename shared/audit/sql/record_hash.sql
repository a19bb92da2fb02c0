SELECT sale_hash FROM audit.sale WHERE terminal_id = $1 AND record_number = $2
