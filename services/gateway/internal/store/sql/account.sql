SELECT points_balance, purchases FROM sales.loyalty_account WHERE customer_id = $1;
