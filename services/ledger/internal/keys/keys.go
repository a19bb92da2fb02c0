// Package keys reads what tells whether a record is intact: the keys that signed the shop's promises.
package keys

import (
	"context"
	_ "embed" // the statement

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/postgres"
)

//go:embed sql/keys.sql
var keysSQL string

// Ring checks records by the keys in the database of a pool of role ledger.
func Ring(pool *pgxpool.Pool) *intact.Keyring {
	return intact.NewKeyring(func(ctx context.Context) (intact.Keys, error) {
		var (
			jwks         []string
			unpromisedUS int64
		)
		if err := pool.QueryRow(ctx, keysSQL).Scan(&jwks, &unpromisedUS); err != nil {
			return intact.Keys{}, postgres.Fault("read the keys that signed promises", err)
		}
		return intact.KeysOf(jwks, unpromisedUS), nil
	})
}
