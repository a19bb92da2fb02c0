-- Has the planner treat the search as what it is, for one transaction: look-ups by an index, bounded in number, whatever it believes about
-- the tables.
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
