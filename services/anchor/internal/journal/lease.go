package journal

import (
	"context"
	"maps"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/fault"
)

const (
	leaseConnect = 5 * time.Second
	leasePing    = 2 * time.Second // a session that does not answer within it is taken for lost
)

// leaseSettings let the server notice within seconds that the lease's holder has vanished without a word, its machine with
// it, and free the lock.
var leaseSettings = map[string]string{
	"application_name":        "tillseal anchor lease",
	"tcp_keepalives_idle":     "2", // seconds
	"tcp_keepalives_interval": "2",
	"tcp_keepalives_count":    "2",
	"tcp_user_timeout":        "6000", // ms
}

// Lease is the right to act: an advisory lock on a session of its own, and an epoch that every write names, so that one who
// lost the lock without noticing writes nothing.
type Lease struct {
	Epoch int64
	conn  *pgx.Conn
}

// Acquire takes the lease if nobody holds it; otherwise it is a Conflict.
func (j *Journal) Acquire(ctx context.Context) (*Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseConnect)
	defer cancel()
	cfg := j.pool.Config().ConnConfig.Copy() // not DB_URL read anew: what is the pool's in it, pool_max_conns say, no session takes
	maps.Copy(cfg.RuntimeParams, leaseSettings)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, kinded("connect for the lease", err)
	}
	lease := &Lease{conn: conn}
	if err := lease.take(ctx); err != nil {
		lease.Release(ctx)
		return nil, err
	}
	return lease, nil
}

func (l *Lease) take(ctx context.Context) error {
	var got bool
	if err := l.conn.QueryRow(ctx, "SELECT anchor.try_acting()").Scan(&got); err != nil {
		return kinded("try the active anchor's lock", err)
	}
	if !got {
		return fault.New(fault.Conflict, "another anchor is active")
	}
	holder, _ := os.Hostname() // for people only
	return kinded("take the lease", l.conn.QueryRow(ctx, takeLease, pgx.NamedArgs{"holder": holder}).Scan(&l.Epoch))
}

// Holds reports whether an epoch is still the newest: nobody else has taken the lease since.
func (j *Journal) Holds(ctx context.Context, epoch int64) (held bool, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM anchor.lease WHERE epoch = $1)", epoch).Scan(&held)
	return held, kinded("check the lease", err)
}

// Check fails when the session that holds the lock is gone.
func (l *Lease) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leasePing)
	defer cancel()
	if err := l.conn.Ping(ctx); err != nil {
		return fault.New(fault.Conflict, "the session of the lease is lost: %w", err)
	}
	return nil
}

// Release ends the session and with it the lock, also when ctx has ended.
func (l *Lease) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leasePing)
	defer cancel()
	_ = l.conn.Close(ctx) // the server lets go of the lock when the session ends, however that happens
}
