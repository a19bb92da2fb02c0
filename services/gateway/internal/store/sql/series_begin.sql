UPDATE sales.terminal_head SET series = $1, records = 0, head_hash = decode(repeat('00', 32), 'hex');
