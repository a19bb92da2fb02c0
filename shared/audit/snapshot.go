package audit

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Limits of the sessions. A statement lasts as long as its rows take to be checked.
const (
	connectWithin   = 10 * time.Second
	lockWithin      = 10 * time.Second
	statementWithin = time.Hour
	idleAtMost      = 10 * time.Minute // as the role of the auditor has it
	sessions        = 2
)

var (
	//go:embed sql/snapshot_export.sql
	snapshotExportSQL string
	//go:embed sql/snapshot_import.sql
	snapshotImportSQL string
)

// Snapshot is the database as it was at one moment, as two sessions see it: what is committed during an audit does not come into it.
type Snapshot struct {
	pool *pgxpool.Pool
	txs  []pgx.Tx
}

// Open takes a snapshot as the role of a URL, which must be the auditor's.
func Open(ctx context.Context, url config.Secret) (s *Snapshot, err error) {
	pool, err := postgres.Open(ctx, url, postgres.Limits{
		Service: "audit", MaxConns: sessions, Connect: connectWithin, Lock: lockWithin, Statement: statementWithin, IdleInTransaction: idleAtMost, Lookups: true,
	})
	if err != nil {
		return nil, err
	}
	s = &Snapshot{pool: pool}
	var name string
	for i := range sessions {
		tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err == nil {
			s.txs = append(s.txs, tx)
			if i == 0 {
				err = tx.QueryRow(ctx, snapshotExportSQL).Scan(&name)
			} else {
				_, err = tx.Exec(ctx, snapshotImportSQL+"'"+name+"'") // it takes no parameters; Postgres made the name, of digits and hyphens
			}
		}
		if err != nil {
			s.Close(ctx)
			return nil, postgres.Fault("connect to the database of DB_URL as the auditor", err)
		}
	}
	return s, nil
}

// Close ends the sessions, also when ctx has ended.
func (s *Snapshot) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectWithin)
	defer cancel()
	for _, tx := range s.txs {
		_ = tx.Rollback(ctx) // they only read
	}
	s.pool.Close()
}

// Audit audits what the snapshot shows.
func (s *Snapshot) Audit(ctx context.Context, o Options) (*Report, error) {
	all := make([]Source, len(s.txs))
	for i, tx := range s.txs {
		all[i] = tx
	}
	return Run(ctx, o, all...)
}
