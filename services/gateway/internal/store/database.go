package store

import (
	"context"
	_ "embed" // the statements
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/fault"
)

//go:embed sql/identity.sql
var identitySQL string

const (
	standby = "/standby/"         // in the identity of one, which is another once it is promoted
	leadsTo = "tillseal database" // the identity, in a connection's own data
)

// ErrReplaced refuses to write to a database for which OnlyTo was not called. It goes before anything was sent.
var ErrReplaced = fault.New(fault.Transient, "another database answers, and is not prepared yet")

var errStandby = fault.New(fault.Transient, "a standby answers, which cannot be written to")

// databases knows which one new connections lead to.
type databases struct {
	latest   atomic.Pointer[string]
	replaced chan struct{} // has room for one
}

// identify reads which database a new connection leads to.
func (d *databases) identify(ctx context.Context, conn *pgx.Conn) error {
	var id string
	if err := conn.QueryRow(ctx, identitySQL).Scan(&id); err != nil {
		return err
	}
	conn.PgConn().CustomData()[leadsTo] = id
	if before := d.latest.Swap(&id); before != nil && *before != id {
		select {
		case d.replaced <- struct{}{}:
		default: // nobody has looked since the last
		}
	}
	return nil
}

// Identity distinguishes this database from one that replaced it: a restored backup, a promoted standby, a new cluster. What was cached from
// another proves nothing about this one. It is "" until the first connection, and read on each.
func (s *Store) Identity() string {
	if id := s.databases.latest.Load(); id != nil {
		return *id
	}
	return ""
}

// Replaced receives after a new connection led to another database than the one before. One receiver gets it.
func (s *Store) Replaced() <-chan struct{} { return s.databases.replaced }

// Present is the Identity of a database that can be written to, for which it connects if need be. A standby is Transient.
func (s *Store) Present(ctx context.Context) (string, error) {
	id := s.Identity()
	if id == "" || strings.Contains(id, standby) {
		s.pool.Reset() // a connection that was made before the promotion would not tell
		if err := s.read(ctx, s.pool.Ping); err != nil {
			return "", err
		}
		id = s.Identity()
	}
	if strings.Contains(id, standby) {
		return "", errStandby
	}
	return id, nil
}

// Of is the same store for whoever prepares a database before sales are recorded in it: what it writes goes to that one alone.
func (s *Store) Of(identity string) *Store {
	of := *s
	of.only = &atomic.Pointer[string]{}
	of.only.Store(&identity)
	return &of
}

// OnlyTo has records and closings written to the database with this identity and no other, ErrReplaced otherwise. Until it is first called they
// are written to any.
func (s *Store) OnlyTo(identity string) { s.only.Store(&identity) }

// take takes a connection to the database that is written to. One that leads elsewhere is ErrReplaced, and is closed with all others if new ones
// lead elsewhere too.
func (s *Store) take(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	only, leads := s.only.Load(), conn.Conn().PgConn().CustomData()[leadsTo]
	if only == nil || leads == *only {
		return conn, nil
	}
	conn.Release()
	if leads != s.Identity() {
		s.pool.Reset()
	}
	return nil, ErrReplaced
}

// on runs do on a connection to the database that is written to.
func (s *Store) on(ctx context.Context, do func(*pgxpool.Conn) error) error {
	conn, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return do(conn)
}
