package store

import (
	"bytes"
	"context"
	_ "embed" // the statements
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	//go:embed sql/account.sql
	accountSQL string
	//go:embed sql/entries.sql
	entriesText string
	entriesSQL  = ofRows(entriesText)
	//go:embed sql/receipt.sql
	receiptSQL string
)

// A snapshot of several statements, in one round trip.
const (
	beginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	endSnapshot   = "COMMIT"
)

// Account reads a customer's account with what it follows from, all as of one moment; nil when there is no such customer.
func (s *Store) Account(ctx context.Context, customerID string) (a *Account, last LastEntry, records []*Row, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		a, last, records = nil, LastEntry{}, nil
		batch := &pgx.Batch{}
		batch.Queue(beginSnapshot)
		batch.Queue(accountSQL, customerID).Query(func(rows pgx.Rows) error {
			var read Account
			_, err := pgx.ForEachRow(rows, []any{&read.CustomerID, &read.Balance, &read.Purchases, &read.Entries, &read.LastRecordedUS, &read.BonusDue},
				func() error { a = &read; return nil })
			return err
		})
		ends := Ends{Entries: make(map[string]LastEntry)}
		batch.Queue(entriesLastSQL, []string{customerID}).Query(ends.scanEntries)
		batch.Queue(recordsLastSQL, []string{customerID}, MaxWithoutPurchase).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(_ string, r *Row) { records = append(records, r) })
		})
		batch.Queue(endSnapshot)
		err := s.pool.SendBatch(ctx, batch).Close() // a connection on which it broke off is not used again
		last = ends.Entries[customerID]
		return err
	})
	return a, last, records, err
}

// ReadEntry is a loyalty entry with its record.
type ReadEntry struct {
	LastEntry

	RulesVersion string
	Record       *Row
}

// Entries reads the first of up to limit of a customer's entries whose number is below before, newest first; listed is how many there are of these.
func (s *Store) Entries(ctx context.Context, customerID string, before int64, limit int) (all []ReadEntry, listed int, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, entriesSQL, customerID, before, limit, listedBytes)
		if err != nil {
			return err
		}
		defer rows.Close()
		all, listed = nil, 0
		for rows.Next() {
			var e ReadEntry
			if e.Record, err = scanRow(rows, &listed, &e.Number, &e.Delta, &e.Balance, &e.RulesVersion); err != nil {
				return err
			}
			e.SaleID = e.Record.ID
			all = append(all, e)
		}
		return rows.Err()
	})
	return all, listed, err
}

// ReceiptOf is what a record's receipt has beside the record.
type ReceiptOf struct {
	Token        string
	RulesVersion string // of the loyalty rules, "" where no customer's points moved
}

// Receipt reads a record of any store with its receipt's token, nil when there is none. The caller must require the token before it shows it.
func (s *Store) Receipt(ctx context.Context, saleID uuid.UUID) (r *Row, of ReceiptOf, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		r, of = nil, ReceiptOf{}
		batch := &pgx.Batch{}
		batch.Queue(receiptSQL, [16]byte(saleID)).QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&of.Token, &of.RulesVersion); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
		batch.Queue(rowSQL, [16]byte(saleID)).Query(func(rows pgx.Rows) error {
			all, err := scanRows(rows)
			if len(all) > 0 {
				r = all[0]
			}
			return err
		})
		return s.pool.SendBatch(ctx, batch).Close()
	})
	return r, of, err
}

var (
	//go:embed sql/rules_add.sql
	rulesAddSQL string
	//go:embed sql/rules.sql
	rulesSQL string
	//go:embed sql/rules_text_add.sql
	rulesTextAddSQL string
)

// RulesAreAsFirstUsed reports whether a version of the loyalty rules is what it was when it was first used, which may be now. Their text is kept for
// the audit, which makes the points anew.
func (s *Store) RulesAreAsFirstUsed(ctx context.Context, version string, hash [32]byte, text string) (bool, error) {
	var first []byte
	err := s.read(ctx, func(ctx context.Context) error {
		return s.on(ctx, func(conn *pgxpool.Conn) error {
			if _, err := conn.Exec(ctx, rulesAddSQL, version, hash[:]); err != nil {
				return err
			}
			if err := conn.QueryRow(ctx, rulesSQL, version).Scan(&first); err != nil || !bytes.Equal(first, hash[:]) {
				return err
			}
			_, err := conn.Exec(ctx, rulesTextAddSQL, version, text)
			return err
		})
	})
	return bytes.Equal(first, hash[:]), err
}
