INSERT INTO anchor.log (deployment, batch_id, root, nodes) VALUES (@deployment, @batch_id, @log_root, @nodes);
