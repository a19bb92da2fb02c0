-- Every contract that the shop's records know, those that it has given up too.
SELECT coalesce(contract, '') FROM audit.deployment
