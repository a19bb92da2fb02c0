-- Holds the planner to what every statement of the reconciler is: a bounded number of look-ups by an index. With statistics that are old,
-- or a plan made for any values, it would rather hash a table of millions; and compiling a plan costs more than running it.
SET plan_cache_mode = force_custom_plan;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SET jit = off;
