-- Accounts that say something and have no entry.
SELECT a.customer_id FROM audit.loyalty_account a
WHERE (a.points_balance <> 0 OR a.purchases <> 0 OR a.entries <> 0 OR a.bonus_due)
  AND NOT EXISTS (SELECT FROM audit.loyalty_entry e WHERE e.customer_id = a.customer_id)
ORDER BY a.customer_id
