package store

import (
	"context"
	_ "embed" // the statements

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Ends are what a group builds on and has not seen itself: the insert-only rows that tables which move must agree with. They are read behind the
// locks of what they are of, so that nothing is added to them meanwhile.
type Ends struct {
	Entries map[string]LastEntry // by customer
	Records map[string][]*Row    // by customer: of the last entry, and of the last purchase where that is another
	Heads   map[string]*Row      // by chain: its last record
	Refunds map[uuid.UUID][]*Row // by sale, in no order
}

// LastEntry is a customer's entry with the greatest number.
type LastEntry struct {
	Number  int64
	SaleID  uuid.UUID
	Delta   int64
	Balance int64
}

// MaxWithoutPurchase is how many of a customer's last entries are searched for a purchase: more than a sale may have refunds. The purchases of a
// customer who has none among them are for the audit to compare.
const MaxWithoutPurchase = 1000

var (
	//go:embed sql/entries_last.sql
	entriesLastSQL string
	//go:embed sql/records_last.sql
	recordsLastText string
	//go:embed sql/heads_last.sql
	headsLastText string
	//go:embed sql/refund_rows.sql
	refundRowsText string

	recordsLastSQL, headsLastSQL, refundRowsSQL = ofRows(recordsLastText), ofRows(headsLastText), ofRows(refundRowsText)
)

// Ends reads the ends of accounts, those with entries and those without, and of chains, and the refunds of sales, in one round trip.
func (t *Tx) Ends(ctx context.Context, accounts []*Account, chains []string, refunded []uuid.UUID) (Ends, error) {
	ends := Ends{
		Entries: make(map[string]LastEntry), Records: make(map[string][]*Row), Heads: make(map[string]*Row), Refunds: make(map[uuid.UUID][]*Row),
	}
	batch := t.batch()
	all, begun := make([]string, len(accounts)), make([]string, 0, len(accounts))
	for i, a := range accounts {
		if all[i] = a.CustomerID; a.Entries > 0 {
			begun = append(begun, a.CustomerID)
		}
	}
	if len(all) > 0 {
		batch.Queue(entriesLastSQL, all).Query(ends.scanEntries)
	}
	if len(begun) > 0 {
		batch.Queue(recordsLastSQL, begun, MaxWithoutPurchase).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(customer string, r *Row) { ends.Records[customer] = append(ends.Records[customer], r) })
		})
	}
	if len(chains) > 0 {
		batch.Queue(headsLastSQL, chains).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(chain string, r *Row) { ends.Heads[chain] = r })
		})
	}
	if len(refunded) > 0 {
		ids := make([][16]byte, len(refunded))
		for i, id := range refunded {
			ids[i] = id
		}
		batch.Queue(refundRowsSQL, ids, MaxRefunds).Query(func(rows pgx.Rows) error {
			refunds, err := scanRows(rows)
			for _, r := range refunds {
				ends.Refunds[r.RefundOf] = append(ends.Refunds[r.RefundOf], r)
			}
			return err
		})
	}
	return ends, kinds.Fault("read what a group builds on", t.ask(ctx, batch))
}

func (e *Ends) scanEntries(rows pgx.Rows) error {
	var (
		customer string
		last     LastEntry
		id       [16]byte
	)
	_, err := pgx.ForEachRow(rows, []any{&customer, &last.Number, &id, &last.Delta, &last.Balance}, func() error {
		last.SaleID = id
		e.Entries[customer] = last
		return nil
	})
	return err
}

// eachRow reads rows that have what they are of before rowColumns.
func eachRow(rows pgx.Rows, take func(of string, r *Row)) error {
	defer rows.Close()
	for rows.Next() {
		var of string
		r, err := scanRow(rows, &of)
		if err != nil {
			return err
		}
		take(of, r)
	}
	return rows.Err()
}
