package store

import (
	"context"
	_ "embed" // the statements

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/postgres"
)

// PromiseKey is a key that signs promises, a new row of sales.promise_key.
type PromiseKey struct {
	KID    string    // RFC 7638
	JWK    string    // RFC 7517, the public half
	SaleID uuid.UUID // of the record of kind key that names it
}

// MaxPromiseKeys is how many keys are served: more than a shop uses that changes its key each day for years.
const MaxPromiseKeys = 1000

var (
	//go:embed sql/promise_keys_insert.sql
	promiseKeysInsertSQL string
	//go:embed sql/promise_key_kept.sql
	promiseKeyKeptSQL string
	//go:embed sql/promise_keys.sql
	promiseKeysSQL string
)

func keyColumns(keys []PromiseKey) map[string]any {
	return map[string]any{
		"kid":     postgres.Column(keys, func(k *PromiseKey) string { return k.KID }),
		"jwk":     postgres.Column(keys, func(k *PromiseKey) string { return k.JWK }),
		"sale_id": postgres.Column(keys, func(k *PromiseKey) [16]byte { return k.SaleID }),
	}
}

// PromiseKeyKept reports what the database has of a key whose record is under a terminal's idempotency key: whole means the record and a row
// with this JWK that names it, and broken that one of them is missing or another than it was. Neither is true of a key that is not recorded.
func (s *Store) PromiseKeyKept(ctx context.Context, kid, jwk string, under KeyOf) (whole, broken bool, err error) {
	var known bool
	err = s.read(ctx, func(ctx context.Context) error {
		return s.on(ctx, func(conn *pgxpool.Conn) error {
			return conn.QueryRow(ctx, promiseKeyKeptSQL, pgx.NamedArgs{
				"kid": kid, "jwk": jwk, "terminal_id": under.TerminalID, "idempotency_key": [16]byte(under.Key),
			}).Scan(&whole, &known)
		})
	})
	return whole, known && !whole, err
}

// PromiseKeys reads the JWK of every key that ever signed promises, oldest first, at most MaxPromiseKeys.
func (s *Store) PromiseKeys(ctx context.Context) ([]string, error) {
	var all []string
	err := s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, promiseKeysSQL, MaxPromiseKeys)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return all, err
}
