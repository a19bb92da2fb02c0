package audit

import (
	"context"
	_ "embed" // the statements
	"time"

	"github.com/ethereum/go-ethereum/common"
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
)

var (
	//go:embed sql/snapshot_export.sql
	snapshotExportSQL string
	//go:embed sql/snapshot_import.sql
	snapshotImportSQL string
)

// Snapshot is the database as it was at one moment, as two sessions see it: what is committed during an audit does not come into it.
type Snapshot struct {
	pool   *pgxpool.Pool
	txs    []pgx.Tx
	before map[place]answered
}

// Sessions are as many as make an audit fast; one that rests needs one.
const Sessions = 2

// place is where a contract is.
type place struct {
	chainID  string
	contract common.Address
}

// answered is what a Chain said of a contract.
type answered struct {
	log Log
	err error
}

// Open takes a snapshot as the role of a URL, which must have the right to read the views for auditors. A chain, which may be nil, is asked for the
// logs of the contracts before: what it has final by then is in the snapshot, however long the audit lasts.
func Open(ctx context.Context, url config.Secret, chain Chain, sessions int) (s *Snapshot, err error) {
	pool, err := postgres.Open(ctx, url, postgres.Limits{
		Service: "audit", MaxConns: int32(sessions), Connect: connectWithin, Lock: lockWithin, Statement: statementWithin,
		IdleInTransaction: idleAtMost, Lookups: true,
	})
	if err != nil {
		return nil, err
	}
	s = &Snapshot{pool: pool, before: make(map[place]answered)}
	if err := s.ask(ctx, chain); err != nil {
		s.Close(ctx)
		return nil, err
	}
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

func (s *Snapshot) ask(ctx context.Context, chain Chain) error {
	if chain == nil {
		return nil
	}
	a := &auditor{state: &state{}, tx: s.pool}
	all, err := a.readDeployments(ctx)
	for _, d := range all {
		log, wrong := chain.Log(ctx, d.chainID, d.contract)
		s.before[place{d.chainID, d.contract}] = answered{log, wrong}
	}
	return err
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
	o.before = s.before
	return Run(ctx, o, all...)
}
