package journal

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// Whatever was read and decided before, the statement alone keeps out a leaf that no committed sale bears: its row may have moved on,
// or the decision be wrong.
func TestTheStatementTakesALeafOnlyOfTheVerySaleAndRate(t *testing.T) {
	db := testkit.Database(t)
	id, key, hash := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), common.Hash{1}
	testkit.Commit(t, db.Admin, testkit.Committed{
		Sale: sale.Sale{SaleID: id.String(), StoreID: "s1", TerminalID: "t1", Currency: "INR", Total: "5.00"}, SaleHash: hash,
	}, testkit.Committed{
		Sale: sale.Sale{SaleID: key.String(), Kind: sale.KindKey, StoreID: "s1", TerminalID: sale.Operator, Currency: "XXX", Total: "0"}, SaleHash: hash,
	})
	conn, err := pgx.Connect(t.Context(), db.Anchor)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), insertRatesSQL, pgx.NamedArgs{
		"ids": []string{"r1", "dollars"}, "values": []string{"2", "2"}, "currencies": []string{"INR", "USD"}, "tiers": []string{"static", "static"},
		"sources": []string{"[]", "[]"}, "observed": []string{"", ""},
	})
	require.NoError(t, err)
	insert := func(change func(row pgx.NamedArgs)) int64 {
		row := pgx.NamedArgs{
			"sale_ids": []uuid.UUID{id}, "hashes": [][]byte{hash[:]}, "amounts": []string{"1"}, "rates": []string{"r1"}, "stores": []string{"s1"},
			"currencies": []string{"INR"}, "totals": []string{"5.00"}, "values": []string{"2"},
		}
		change(row)
		tag, err := conn.Exec(t.Context(), insertLeavesSQL, row)
		require.NoError(t, err)
		return tag.RowsAffected()
	}
	zero := func(row pgx.NamedArgs) { // as the key's is
		row["sale_ids"], row["amounts"], row["rates"], row["values"] = []uuid.UUID{key}, []string{"0"}, []*string{nil}, []*string{nil}
		row["currencies"], row["totals"] = []string{"XXX"}, []string{"0"}
	}
	for name, change := range map[string]func(pgx.NamedArgs){
		"no rate":   func(row pgx.NamedArgs) { row["rates"], row["values"] = []*string{nil}, []*string{nil} },
		"no amount": func(row pgx.NamedArgs) { row["amounts"] = []string{"0"} },
		"neither":   func(row pgx.NamedArgs) { zero(row); row["sale_ids"] = []uuid.UUID{id} },
		"neither, true total": func(row pgx.NamedArgs) {
			zero(row)
			row["sale_ids"], row["currencies"], row["totals"] = []uuid.UUID{id}, []string{"INR"}, []string{"5.00"}
		},
		"zero with an amount": func(row pgx.NamedArgs) { zero(row); row["amounts"] = []string{"1"} },
		"zero with a rate":    func(row pgx.NamedArgs) { zero(row); row["rates"], row["values"] = []string{"r1"}, []string{"2"} },
		"zero with both": func(row pgx.NamedArgs) {
			zero(row)
			row["amounts"], row["rates"], row["values"] = []string{"1"}, []string{"r1"}, []string{"2"}
		},
		"no such sale":     func(row pgx.NamedArgs) { row["sale_ids"] = []uuid.UUID{uuid.Must(uuid.NewV7())} },
		"another hash":     func(row pgx.NamedArgs) { row["hashes"] = [][]byte{{1: 1, 31: 0}} },
		"another store":    func(row pgx.NamedArgs) { row["stores"] = []string{"s2"} },
		"another total":    func(row pgx.NamedArgs) { row["totals"] = []string{"5.01"} },
		"another currency": func(row pgx.NamedArgs) { row["currencies"], row["rates"] = []string{"USD"}, []string{"dollars"} },
		"another rate":     func(row pgx.NamedArgs) { row["values"] = []string{"3"} },
		"no such rate":     func(row pgx.NamedArgs) { row["rates"] = []string{"unknown"} },
	} {
		require.Zero(t, insert(change), name)
	}
	require.EqualValues(t, 1, insert(func(pgx.NamedArgs) {}), "the true one")
	require.EqualValues(t, 1, insert(zero), "a total of zero")
}
