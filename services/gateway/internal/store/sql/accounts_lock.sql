-- Second of the locks, after the refund states: accounts. First those that exist and then those that this group makes, which are returned as
-- fresh and must be used, each in one global order, so that two gateways queue up and never cross. One that another gateway has made since
-- this statement began is in neither. The order is none of the index: it would be read from end to end for it. An account that says that it has no
-- entry is told whether it has one.
WITH existing AS MATERIALIZED (
    SELECT customer_id, points_balance, purchases, entries, last_recorded_us, bonus_due
    FROM sales.loyalty_account WHERE customer_id = ANY ($1::text[]) ORDER BY customer_id COLLATE "C" FOR UPDATE
), fresh AS (
    INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us)
    SELECT customer_id, 0, 0, 0, 0
    FROM (SELECT unnest($1) EXCEPT SELECT customer_id FROM existing) AS missing (customer_id)
    ORDER BY customer_id COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING customer_id, points_balance, purchases, entries, last_recorded_us, bonus_due
)
SELECT a.*, CASE WHEN a.entries = 0 THEN (SELECT true FROM sales.loyalty_entry e WHERE e.customer_id = a.customer_id LIMIT 1) END IS TRUE
FROM (SELECT *, false FROM existing UNION ALL SELECT *, true FROM fresh) a;
