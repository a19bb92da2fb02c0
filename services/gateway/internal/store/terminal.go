package store

import (
	"context"
	_ "embed" // the statements
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Terminal is the terminal that a key belongs to.
type Terminal struct {
	ID, StoreID string
	Suspended   bool
}

// Key is a live key of a terminal; of the key itself only a hash is kept.
type Key struct {
	Number    int32 // dense from 1 within the terminal
	CreatedAt time.Time
}

// Listed is a terminal as operators see it.
type Listed struct {
	Terminal

	CreatedAt time.Time
	Keys      []Key // live, oldest first
}

// maxLiveKeys lets a till change its key without a pause: the old one lives until it is revoked.
const maxLiveKeys = 2

var (
	//go:embed sql/terminals_by_key.sql
	terminalsByKeySQL string
	//go:embed sql/terminal_add.sql
	terminalAddSQL string
	//go:embed sql/terminal_lock.sql
	terminalLockSQL string
	//go:embed sql/terminal_status.sql
	terminalStatusSQL string
	//go:embed sql/terminals.sql
	terminalsSQL string
	//go:embed sql/key_add.sql
	keyAddSQL string
	//go:embed sql/key_revoke.sql
	keyRevokeSQL string
	//go:embed sql/key_known.sql
	keyKnownSQL string
	//go:embed sql/keys_live.sql
	keysLiveSQL string
)

var (
	errNoTerminal = fault.New(fault.Invalid, "there is no such terminal")
	errNoKey      = fault.New(fault.Invalid, "the terminal has no key with this number")
	errTwoKeys    = fault.New(fault.Conflict, "the terminal has two live keys already: revoke one of them first")
)

// TerminalsByKey finds terminals by their live keys' SHA-256; a key that no terminal has is not in the answer.
func (s *Store) TerminalsByKey(ctx context.Context, hashes [][32]byte) (map[[32]byte]Terminal, error) {
	wanted := make([][]byte, len(hashes))
	for i := range hashes {
		wanted[i] = hashes[i][:]
	}
	var all map[[32]byte]Terminal
	err := s.read(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, terminalsByKeySQL, wanted)
		if err != nil {
			return err
		}
		all = make(map[[32]byte]Terminal, len(hashes))
		var (
			hash []byte
			t    Terminal
		)
		_, err = pgx.ForEachRow(rows, []any{&hash, &t.ID, &t.StoreID, &t.Suspended}, func() error { all[[32]byte(hash)] = t; return nil })
		return err
	})
	return all, err
}

// awake gives an operator's change its time limit, after a ping: a change is not tried twice.
func (s *Store) awake(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := s.Ping(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	return ctx, cancel, nil
}

// AddTerminal stores a new terminal with its first key. A terminal id that exists, in whichever store, is a Conflict; while a series begins,
// the error is Transient.
func (s *Store) AddTerminal(ctx context.Context, terminalID, storeID string, hash [32]byte) error {
	ctx, cancel, err := s.awake(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	added, err := s.pool.Exec(ctx, terminalAddSQL, terminalID, storeID, hash[:])
	if err == nil && added.RowsAffected() == 0 {
		return fault.New(fault.Fatal, "add a terminal: the operator's head is missing, which every database has from its migration on")
	}
	if err = postgres.Fault("add a terminal", err); fault.Is(err, fault.Conflict) {
		return fault.New(fault.Conflict, "a terminal with this id already exists")
	}
	return err
}

// AddKey stores another key of a terminal and returns its store and the live keys, the new one last. A terminal with two live keys is a
// Conflict, an unknown one Invalid.
func (s *Store) AddKey(ctx context.Context, terminalID string, hash [32]byte) (storeID string, live []Key, err error) {
	return s.changeKeys(ctx, terminalID, func(tx pgx.Tx) error {
		var number int32
		err := tx.QueryRow(ctx, keyAddSQL, terminalID, hash[:], maxLiveKeys).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			return errTwoKeys
		}
		return err
	})
}

// RevokeKeys revokes a key by its number, or all of the terminal's with 0, and returns its store and the keys that are still live. Revoking a
// revoked key changes nothing; one that never existed is Invalid.
func (s *Store) RevokeKeys(ctx context.Context, terminalID string, number int32) (storeID string, live []Key, err error) {
	return s.changeKeys(ctx, terminalID, func(tx pgx.Tx) error {
		var known bool
		err := tx.QueryRow(ctx, keyKnownSQL, terminalID, number).Scan(&known)
		switch {
		case err != nil:
			return err
		case !known:
			return errNoKey
		}
		_, err = tx.Exec(ctx, keyRevokeSQL, terminalID, number)
		return err
	})
}

// changeKeys runs change with the terminal's keys locked.
func (s *Store) changeKeys(ctx context.Context, terminalID string, change func(pgx.Tx) error) (storeID string, live []Key, err error) {
	ctx, cancel, err := s.awake(ctx)
	if err != nil {
		return "", nil, err
	}
	defer cancel()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, terminalLockSQL, terminalID).Scan(&storeID)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoTerminal
		}
		if err == nil {
			err = change(tx)
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, keysLiveSQL, terminalID)
		if err != nil {
			return err
		}
		live, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
		return err
	})
	if fault.Has(err) { // said in full by whoever refused it
		return storeID, live, err
	}
	return storeID, live, kinds.Fault("change a terminal's keys", err)
}

// SetSuspended suspends a terminal or lets it record again, and returns its store. An unknown one is Invalid.
func (s *Store) SetSuspended(ctx context.Context, terminalID string, suspended bool) (storeID string, err error) {
	ctx, cancel, err := s.awake(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	err = s.pool.QueryRow(ctx, terminalStatusSQL, terminalID, statusOf(suspended)).Scan(&storeID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errNoTerminal
	}
	return storeID, kinds.Fault("change a terminal's status", err)
}

func statusOf(suspended bool) string {
	if suspended {
		return "suspended"
	}
	return "active"
}

// Status is active or suspended.
func (t Terminal) Status() string { return statusOf(t.Suspended) }

// Terminals reads up to limit terminals whose id comes after after, by id; of one store when storeID is not "".
func (s *Store) Terminals(ctx context.Context, storeID, after string, limit int) ([]Listed, error) {
	var all []Listed
	err := s.read(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, terminalsSQL, after, storeID, limit)
		if err != nil {
			return err
		}
		all = nil
		var (
			t      Listed
			status string
			number *int32
			made   *time.Time
		)
		_, err = pgx.ForEachRow(rows, []any{&t.ID, &t.StoreID, &status, &t.CreatedAt, &number, &made}, func() error {
			if n := len(all); n == 0 || all[n-1].ID != t.ID {
				t.Suspended = status != statusOf(false)
				all = append(all, t)
			}
			if number != nil {
				last := &all[len(all)-1]
				last.Keys = append(last.Keys, Key{*number, *made})
			}
			return nil
		})
		return err
	})
	return all, err
}
