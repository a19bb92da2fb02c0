-- The lock by which one anchor acts: its session's, until that ends.
SELECT anchor.try_acting();
