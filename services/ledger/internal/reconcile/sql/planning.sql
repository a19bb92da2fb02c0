-- Makes the planner treat every statement of the reconciler as what it is: a bounded number of look-ups by an index. With old statistics,
-- or with a generic plan, it would rather hash a table of millions; and compiling a plan costs more than running it.
SET plan_cache_mode = force_custom_plan;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SET jit = off;
