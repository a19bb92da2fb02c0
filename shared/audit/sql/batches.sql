-- A deployment's batches after one, in order. Of one id the one that is not ours, where the contract's log has it, comes last.
SELECT batch_id, root, size, state, ours, in_log, coalesce(log_root, ''), coalesce(block_number, 0)::bigint
FROM audit.batch WHERE deployment = $1 ORDER BY batch_id, ours DESC
