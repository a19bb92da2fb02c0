-- The lock that lets one anchor act; its session holds it until it ends.
SELECT anchor.try_acting();
