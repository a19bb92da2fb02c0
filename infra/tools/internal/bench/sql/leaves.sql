-- The leaves that came in after a place.
SELECT seq, sale_id::text FROM anchor.leaf WHERE seq > $1 ORDER BY seq;
