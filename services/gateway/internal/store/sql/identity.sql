-- The cluster, its timeline, which every restore to a point in time and every promotion moves on, and the database in it.
SELECT s.system_identifier || '/' || c.timeline_id || '/' || d.oid
FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d
WHERE d.datname = current_database();
