-- The cluster, its timeline, which every restore to a point in time and every promotion moves on, and the database in it. The
-- timeline is that of the log being written: the control file learns of a promotion with the next checkpoint, minutes later. A
-- standby has none yet: a connection that was made before its promotion must not pass for the old primary's.
SELECT s.system_identifier || '/'
    || CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END || '/' || d.oid
FROM pg_control_system() s, pg_database d
WHERE d.datname = current_database();
