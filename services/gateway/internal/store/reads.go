package store

import (
	"bytes"
	"context"
	_ "embed" // the statements
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	//go:embed sql/account.sql
	accountSQL string
	//go:embed sql/entries.sql
	entriesSQL string
	//go:embed sql/receipt.sql
	receiptSQL string
)

// Standing is a customer's balance and number of purchases.
type Standing struct {
	Balance   int64
	Purchases int64
}

// Standing reads a customer's account; ok is false when there is no such customer.
func (s *Store) Standing(ctx context.Context, customerID string) (st Standing, ok bool, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		err := s.pool.QueryRow(ctx, accountSQL, customerID).Scan(&st.Balance, &st.Purchases)
		if ok = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return st, ok, err
}

// ReadEntry is a loyalty entry with what its record did.
type ReadEntry struct {
	Number         int64
	SaleID         uuid.UUID // Nil when it is another store's
	Kind           string
	Earned         int64
	Redeemed       int64
	Delta          int64
	Balance        int64
	PurchaseNumber int64
	RecordedAtUS   int64
	RulesVersion   string
}

// Entries reads up to limit of a customer's entries whose number is below before, newest first. A sale's id is given to its own
// store only.
func (s *Store) Entries(ctx context.Context, customerID, storeID string, before int64, limit int) ([]ReadEntry, error) {
	var all []ReadEntry
	err := s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, entriesSQL, customerID, storeID, before, limit)
		if err != nil {
			return err
		}
		all = nil
		var (
			e  ReadEntry
			id *[16]byte
		)
		_, err = pgx.ForEachRow(rows, []any{
			&e.Number, &id, &e.Kind, &e.Earned, &e.Redeemed, &e.Delta, &e.Balance, &e.PurchaseNumber, &e.RecordedAtUS, &e.RulesVersion,
		}, func() error {
			if e.SaleID = uuid.Nil; id != nil {
				e.SaleID = *id
			}
			all = append(all, e)
			return nil
		})
		return err
	})
	return all, err
}

// Receipt is what a shopper may see of a record.
type Receipt struct {
	Kind         string
	StoreID      string
	TerminalID   string
	Currency     string
	Total        string
	Customer     bool // whether the record moved a customer's points
	Earned       int64
	Redeemed     int64
	Balance      int64
	RecordedAtUS int64
	Hash         common.Hash
	RefundOf     uuid.UUID // Nil for a sale and for a return without a receipt
	Request      []byte
	Token        string
}

// Receipt reads a record of any store; ok is false when there is none. The caller must require Token before it shows it.
func (s *Store) Receipt(ctx context.Context, saleID uuid.UUID) (r Receipt, ok bool, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		var (
			hash     []byte
			refundOf *[16]byte
		)
		err := s.pool.QueryRow(ctx, receiptSQL, [16]byte(saleID)).Scan(&r.Kind, &r.StoreID, &r.TerminalID, &r.Currency, &r.Total, &r.Customer,
			&r.Earned, &r.Redeemed, &r.Balance, &r.RecordedAtUS, &hash, &refundOf, &r.Request, &r.Token)
		r.Hash, r.RefundOf = common.BytesToHash(hash), idOf(refundOf)
		if ok = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return r, ok, err
}

var (
	//go:embed sql/rules_add.sql
	rulesAddSQL string
	//go:embed sql/rules.sql
	rulesSQL string
)

// RulesAreAsFirstUsed reports whether a version of the loyalty rules is what it was when it was first used, which may be now.
func (s *Store) RulesAreAsFirstUsed(ctx context.Context, version string, hash [32]byte) (bool, error) {
	var first []byte
	err := s.read(ctx, func(ctx context.Context) error {
		return s.on(ctx, func(conn *pgxpool.Conn) error {
			if _, err := conn.Exec(ctx, rulesAddSQL, version, hash[:]); err != nil {
				return err
			}
			return conn.QueryRow(ctx, rulesSQL, version).Scan(&first)
		})
	})
	return bytes.Equal(first, hash[:]), err
}
