package store

import (
	"context"
	_ "embed" // the statements
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/sale"
)

// Limits of one read for a closing: each takes a small part of the statement timeout, and none holds much memory.
const (
	pageRecords = 2000
	pageBytes   = 4 << 20 // of requests; one that is larger comes alone
	pageSeqs    = 2000
)

var (
	//go:embed sql/closing_kept.sql
	closingKeptSQL string
	//go:embed sql/closing_chains.sql
	closingChainsSQL string
	//go:embed sql/closing_records.sql
	closingRecordsSQL string
	//go:embed sql/row_of_chain.sql
	rowOfChainText string
	rowOfChainSQL  = ofRows(rowOfChainText)
	//go:embed sql/closing_seqs.sql
	closingSeqsSQL string
	//go:embed sql/closing_insert.sql
	closingInsertSQL string
	//go:embed sql/closing.sql
	closingSQL string
	//go:embed sql/closings.sql
	closingsSQL string
	//go:embed sql/closings_of.sql
	closingsOfSQL string
)

// ClosingUnder reads the body of the closing that is stored under a key, nil when the key is free.
func (s *Store) ClosingUnder(ctx context.Context, under KeyOf) ([]byte, error) {
	return s.closing(ctx, closingKeptSQL, under.TerminalID, [16]byte(under.Key))
}

// Closing reads the body of a chain's n-th closing, nil when the store has no such closing.
func (s *Store) Closing(ctx context.Context, chain string, n int64, storeID string) ([]byte, error) {
	return s.closing(ctx, closingSQL, chain, n, storeID)
}

func (s *Store) closing(ctx context.Context, sql string, args ...any) (body []byte, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		err := s.pool.QueryRow(ctx, sql, args...).Scan(&body)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return body, err
}

// Chain is a chain of a terminal's records, as far as it is committed, with the last closing in its name and the last one of its records. These
// are two once the chain, or an earlier one, has ended. Times are closed_at in Unix microseconds; all are 0 where there is no closing.
type Chain struct {
	Head

	Closings   int64 // the number of the last closing in its name
	NamedAtUS  int64 // when that was closed
	ClosedTo   int64 // to_number of the last closing of its records
	ClosedAtUS int64 // when that was closed
}

// Name is the chain's.
func (c *Chain) Name() string { return sale.Chain(c.TerminalID, c.Series) }

// Chains reads a terminal's chains in the order of their series, all as of one moment: the last is the present one. It waits for no lock.
func (s *Store) Chains(ctx context.Context, terminalID string) ([]Chain, error) {
	var all []Chain
	err := s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, closingChainsSQL, terminalID)
		if err != nil {
			return err
		}
		all = nil
		var (
			c             = Chain{Head: Head{TerminalID: terminalID}}
			hash          []byte
			last, namedAt *int64
			to, closedAt  *int64
		)
		_, err = pgx.ForEachRow(rows, []any{&c.Series, &c.Records, &hash, &last, &namedAt, &to, &closedAt}, func() error {
			read := c
			read.Hash = common.BytesToHash(hash)
			if last != nil {
				read.Closings, read.NamedAtUS = *last, *namedAt
			}
			if to != nil {
				read.ClosedTo, read.ClosedAtUS = *to, *closedAt
			}
			all = append(all, read)
			return nil
		})
		return err
	})
	return all, err
}

// ChainRecord is a record for a closing, with what tells that it is intact but for its promise: the last one's covers all before it.
type ChainRecord struct {
	closing.Record

	Row intact.Row
}

// Records reads a chain's records from one number to another, both included: the first of them, as many as fit a page, in order.
func (s *Store) Records(ctx context.Context, chain string, from, to uint64) ([]ChainRecord, error) {
	to = min(to, from+pageRecords-1)
	var all []ChainRecord
	err := s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, closingRecordsSQL, chain, from, to, pageBytes)
		if err != nil {
			return err
		}
		defer rows.Close()
		all = make([]ChainRecord, 0, to-from+1)
		for rows.Next() {
			all = append(all, ChainRecord{})
			if err := all[len(all)-1].scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return all, err
}

func (c *ChainRecord) scan(rows pgx.Rows) error {
	var (
		id                   [16]byte
		refundOf             *[16]byte
		previous             []byte
		customer, occurredAt *string
		f                    = &c.Row.Facts
	)
	err := rows.Scan(&id, &f.Kind, &refundOf, &f.StoreID, &f.TerminalID, &f.RecordNumber, &previous, &customer, &f.Currency, &f.Total, &c.Row.Earned,
		&c.Row.Redeemed, &f.PointsDelta, &f.PointsBalance, &f.PurchaseNumber, &f.RecordedAt, &c.Row.Request, &c.Row.Salt, &c.Row.SaleHash, &occurredAt,
		&c.TerminalSeq)
	f.SaleID, f.PreviousHash, f.CustomerID = uuid.UUID(id).String(), common.BytesToHash(previous), textOf(customer)
	if of := idOf(refundOf); of != uuid.Nil {
		f.RefundOf = of.String()
	}
	c.Number, c.Kind, c.Currency, c.Total, c.Earned, c.Redeemed = f.RecordNumber, f.Kind, f.Currency, f.Total, c.Row.Earned, c.Row.Redeemed
	c.OccurredAt, c.RecordedAtUS, c.Hash, c.Request = textOf(occurredAt), int64(f.RecordedAt), common.BytesToHash(c.Row.SaleHash), c.Row.Request
	return err
}

// RowOfChain reads a chain's record with a number, nil when there is none.
func (s *Store) RowOfChain(ctx context.Context, chain string, number uint64) (*Row, error) {
	return s.row(ctx, rowOfChainSQL, chain, number)
}

// Before says which records of a terminal come before a closing's end.
type Before struct {
	TerminalID string
	Ended      []string // the chains of earlier series, all of which count
	Chain      string   // and of this one the records up to
	Number     uint64   // this
}

// Seqs reads which of a terminal's own numbers, from one to another, records before a closing's end have. They are in ascending order, and all
// of them up to through.
func (s *Store) Seqs(ctx context.Context, before Before, from, to int64) (seqs []int64, through int64, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, closingSeqsSQL, before.TerminalID, from, to, before.Ended, before.Chain, before.Number, pageSeqs)
		if err != nil {
			return err
		}
		seqs, through = nil, to
		var (
			seq     int64
			counts  bool
			scanned int
		)
		_, err = pgx.ForEachRow(rows, []any{&seq, &counts}, func() error {
			if counts {
				seqs = append(seqs, seq)
			}
			if scanned++; scanned == pageSeqs {
				through = seq
			}
			return nil
		})
		return err
	})
	return seqs, through, err
}

// Closing is a new row of sales.closing.
type Closing struct {
	Chain      string
	Number     uint64
	RecordsOf  string // the ended chain whose records it covers; "" for Chain's own
	StoreID    string
	Under      KeyOf
	From, To   uint64
	HeadHash   common.Hash // sale_hash of To
	ClosedAtUS int64
	Body       []byte
}

// AddClosing stores a closing; added is false when its number, its key or its first record was taken meanwhile, its chain has ended, or its last
// record is not in this database, which has replaced the one that it was read from. It is tried once: after an error it is not certain that
// nothing was stored, and ClosingUnder tells. Only ErrAway and ErrReplaced are certain.
func (s *Store) AddClosing(ctx context.Context, c *Closing) (added bool, err error) {
	ctx, cancel, err := s.awake(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	err = s.on(ctx, func(conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, closingInsertSQL, pgx.NamedArgs{
			"chain": c.Chain, "closing_number": c.Number, "records_of": c.RecordsOf, "store_id": c.StoreID, "terminal_id": c.Under.TerminalID,
			"idempotency_key": [16]byte(c.Under.Key), "from_number": c.From, "to_number": c.To, "head_hash": c.HeadHash[:],
			"closed_at_us": c.ClosedAtUS, "body": c.Body,
		})
		added = tag.RowsAffected() == 1
		return err
	})
	return added, kinds.Fault("store a closing", err)
}

// ReadClosing is a closing as it is stored, with its place among a store's.
type ReadClosing struct {
	ClosingPlace

	Body []byte
}

// ClosingPlace is where a closing stands among its store's.
type ClosingPlace struct {
	ClosedAtUS int64
	Chain      string
}

// Closings reads up to limit of a store's closings before a place, newest first; of one chain when chain is not "".
func (s *Store) Closings(ctx context.Context, storeID, chain string, before ClosingPlace, limit int) ([]ReadClosing, error) {
	sql, args := closingsSQL, []any{storeID, before.ClosedAtUS, before.Chain, limit}
	if chain != "" {
		sql, args = closingsOfSQL, append(args, chain)
	}
	var all []ReadClosing
	err := s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c ReadClosing, err error) {
			return c, row.Scan(&c.ClosedAtUS, &c.Chain, &c.Body)
		})
		return err
	})
	return all, err
}
