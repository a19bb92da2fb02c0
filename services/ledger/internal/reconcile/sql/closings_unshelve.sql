-- A new leader tries what was too large once more: NATS may take larger messages by now.
UPDATE ledger.reclose SET next_at = now() WHERE next_at = 'infinity'
