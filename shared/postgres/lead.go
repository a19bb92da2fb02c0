package postgres

import (
	"context"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/fault"
)

const (
	leadConnect = 5 * time.Second
	leadPing    = 2 * time.Second // a session that does not answer in this time is lost
)

// leadSettings let the server notice within seconds that a leader's machine has vanished without closing the connection, and free the lock.
var leadSettings = map[string]string{
	"tcp_keepalives_idle":     "2", // seconds
	"tcp_keepalives_interval": "2",
	"tcp_keepalives_count":    "2",
	"tcp_user_timeout":        "6000", // ms
}

// Lead is the right of one among many replicas to do what only one may do at a time: an advisory lock on a session of its own. The leader has
// it until the session ends, however that happens, and may not know at once that it has ended. Work that must not run under two leaders
// therefore runs on Session, or carries a guard of its own.
type Lead struct {
	// Session holds the lock. Its owner may run statements on it, one at a time.
	Session *pgx.Conn
}

// TakeLead opens a session like those of the pool and tries to take the lock by try, a statement that returns whether it got it. It is a
// Conflict when another replica leads. name is added to the session's application_name.
func TakeLead(ctx context.Context, pool *pgxpool.Pool, name, try string) (*Lead, error) {
	ctx, cancel := context.WithTimeout(ctx, leadConnect)
	defer cancel()
	cfg := pool.Config().ConnConfig // a copy; DB_URL itself may have settings of the pool, pool_max_conns for one, which a session refuses
	maps.Copy(cfg.RuntimeParams, leadSettings)
	cfg.RuntimeParams[applicationName] += " " + name
	session, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, Fault("connect to lead", err)
	}
	lead, led := &Lead{Session: session}, false
	if err := session.QueryRow(ctx, try).Scan(&led); err != nil {
		lead.Release(ctx)
		return nil, Fault("take the leader's lock", err)
	}
	if !led {
		lead.Release(ctx)
		return nil, fault.New(fault.Conflict, "another replica leads")
	}
	return lead, nil
}

// Check is a Conflict when the session, and the lock with it, is gone.
func (l *Lead) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leadPing)
	defer cancel()
	if err := l.Session.Ping(ctx); err != nil {
		return fault.New(fault.Conflict, "the leader's session is lost: %w", err)
	}
	return nil
}

// Release ends the session and with it the lock, also when ctx has ended.
func (l *Lead) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leadPing)
	defer cancel()
	_ = l.Session.Close(ctx) // the server ends a broken session on its own
}
