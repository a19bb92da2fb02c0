package engine

import "github.com/tillseal/tillseal/shared/local"

// NATS is the engine's, for tests that stop it.
func (e *Engine) NATS() *local.NATS { return e.nats }

// RoleURL is Postgres for a role.
func (e *Engine) RoleURL(role string) string { return e.roleURL(role) }

// PromiseKey is the path of the key that signs promises.
func (e *Engine) PromiseKey() string { return e.cfg.promiseKey() }

// Postgres is the engine's, for tests that kill it.
func (e *Engine) Postgres() *local.Postgres { return e.postgres }

// Finalize makes what the chain has final.
func (e *Engine) Finalize() error { return e.chain.Finalize() }

// Redis is the engine's.
func (e *Engine) Redis() *local.Redis { return e.redis }

// SuperuserURL is the database's URL as the superuser.
func (e *Engine) SuperuserURL() string { return e.postgres.AdminURL(database) }
