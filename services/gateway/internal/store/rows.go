package store

import (
	"context"
	_ "embed" // the statements
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/shared/intact"
)

// Row is a record as it is stored, with all that tells whether it is intact. Whoever uses it checks that first: intact.Keyring has how.
type Row struct {
	intact.Row

	ID          uuid.UUID
	RefundOf    uuid.UUID // Nil for what names no sale
	Under       KeyOf
	TotalMinor  int64
	Fingerprint record.Fingerprint
	Answer      []byte // the 201's bytes, which hold the promise
	TerminalSeq *int64
	OccurredAt  string // "" without one
	ExternalRef string // "" without one
}

// rowColumns are Row's, of s in place of @row in a statement.
const rowColumns = `s.sale_id, s.kind, s.refund_of, s.store_id, s.terminal_id, s.chain, s.record_number, s.previous_hash, s.idempotency_key,
       s.customer_id, s.currency, s.total, s.total_minor, s.points_earned, s.points_redeemed, s.points_delta, s.points_balance, s.purchase_number,
       s.recorded_at_us, s.request, s.fingerprint, s.salt, s.sale_hash, s.answer, s.terminal_seq, s.occurred_at, s.external_ref`

func ofRows(sql string) string { return strings.Replace(sql, "@row", rowColumns, 1) }

// Kept is what a retry of the record gets.
func (r *Row) Kept() record.Kept { return record.Kept{Fingerprint: r.Fingerprint, Answer: r.Answer} }

// scanRow reads rowColumns, which may come after others.
func scanRow(rows pgx.Rows, before ...any) (*Row, error) {
	var (
		r                                 Row
		refundOf                          *[16]byte
		customer, occurredAt, externalRef *string
		previous, fingerprint             []byte
		number, purchase, recordedAtUS    int64
		id, key                           [16]byte
	)
	f := &r.Facts
	err := rows.Scan(append(before, &id, &f.Kind, &refundOf, &f.StoreID, &r.Under.TerminalID, &f.TerminalID, &number, &previous, &key,
		&customer, &f.Currency, &f.Total, &r.TotalMinor, &r.Earned, &r.Redeemed, &f.PointsDelta, &f.PointsBalance, &purchase, &recordedAtUS,
		&r.Request, &fingerprint, &r.Salt, &r.SaleHash, &r.Answer, &r.TerminalSeq, &occurredAt, &externalRef)...)
	if err != nil {
		return nil, err
	}
	r.ID, r.Under.Key, r.RefundOf = id, key, idOf(refundOf)
	f.SaleID, f.CustomerID, f.PreviousHash = r.ID.String(), textOf(customer), common.BytesToHash(previous)
	if r.RefundOf != uuid.Nil {
		f.RefundOf = r.RefundOf.String()
	}
	f.RecordNumber, f.PurchaseNumber, f.RecordedAt = uint64(number), uint64(purchase), uint64(recordedAtUS)
	r.OccurredAt, r.ExternalRef = textOf(occurredAt), textOf(externalRef)
	copy(r.Fingerprint[:], fingerprint)
	r.Promise = intact.PromiseIn(r.Answer)
	return &r, nil
}

// scanRows reads rows that have nothing but rowColumns.
func scanRows(rows pgx.Rows) (all []*Row, err error) {
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

var (
	//go:embed sql/keys.sql
	keysSQL string
	//go:embed sql/row.sql
	rowSQLText string
	rowSQL     = ofRows(rowSQLText)
)

// Keys reads what rows are checked by: every key that ever signed promises, and up to where there are none.
func (s *Store) Keys(ctx context.Context) (intact.Keys, error) {
	var (
		jwks         []string
		unpromisedUS int64
	)
	err := s.read(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, keysSQL, MaxPromiseKeys).Scan(&jwks, &unpromisedUS)
	})
	return intact.KeysOf(jwks, unpromisedUS), err
}

// Row reads a record of any store, nil when there is none.
func (s *Store) Row(ctx context.Context, saleID uuid.UUID) (*Row, error) {
	return s.row(ctx, rowSQL, [16]byte(saleID))
}

// row reads the first row of a statement, nil when there is none.
func (s *Store) row(ctx context.Context, statement string, args ...any) (found *Row, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		all, err := scanRows(rows)
		if found = nil; len(all) > 0 {
			found = all[0]
		}
		return err
	})
	return found, err
}
