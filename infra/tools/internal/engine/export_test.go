package engine

import "github.com/tillseal/tillseal/shared/local"

// NATS is the engine's, for tests that take it away.
func (e *Engine) NATS() *local.NATS { return e.nats }

// RoleURL is Postgres for a role.
func (e *Engine) RoleURL(role string) string { return e.roleURL(role) }
