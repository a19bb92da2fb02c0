package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
)

// till is a terminal whose records stand in one chain.
type till struct {
	t   *testing.T
	key *promise.Key
	all []sale.Sale
}

func newTill(t *testing.T, terminal string, records int) *till {
	t.Helper()
	key, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	c := &till{t: t, key: key}
	var before common.Hash
	for n := range records {
		f := tea()
		f.SaleID, f.TerminalID = fmt.Sprintf("019aa9c5-5f3a-7c3e-9d1b-%012d", n+1), terminal
		f.RecordNumber, f.PreviousHash = uint64(n+1), before
		before = f.Hash()
		c.all = append(c.all, f)
	}
	return c
}

// answers are the files of records with these numbers, after change.
func (c *till) answers(change func(*sale.Sale), numbers ...int) (files []string) {
	c.t.Helper()
	for _, n := range numbers {
		f := c.all[n-1]
		change(&f)
		files = append(files, file(c.t, answerOf(c.t, f, c.key.SignSale(promised(f, "", "")))))
	}
	return files
}

func unchanged(*sale.Sale) {}

func TestRecordsOfOneTerminalAgreeOrConvictTheShop(t *testing.T) {
	c := newTill(t, "t1", 6)
	keys := file(t, keysOf(c.key))
	joined := func(parts ...[]string) (all []string) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	twice := func(f *sale.Sale) { f.PointsBalance++ }
	for name, x := range map[string]struct {
		files []string
		code  int
		want  []string
	}{
		"a whole chain, in any order": {c.answers(unchanged, 3, 1, 2, 4), 0, []string{"agree: terminal t1 in store s1, records 1 to 4, 0 gaps"}},
		"one alone":                   {c.answers(unchanged, 1), 0, []string{"records 1 to 1, 0 gaps"}},
		"one twice":                   {c.answers(unchanged, 2, 2), 0, []string{"agree"}},
		"a record that is missing": {
			c.answers(unchanged, 1, 2, 4), 0, []string{"record 3 exists, with sale_hash " + c.all[2].Hash().Hex(), "1 gaps"},
		},
		"several that are missing": {
			c.answers(unchanged, 1, 6), 0, []string{"records 2 to 4 exist and are not among the files", "record 5 exists, with sale_hash " + c.all[4].Hash().Hex()},
		},
		"the first ones are missing": {c.answers(unchanged, 5), 0, []string{"records 1 to 3 exist", "record 4 exists"}},
		"two hashes under a number": {
			joined(c.answers(unchanged, 2), c.answers(twice, 2)), 1, []string{"both of which the shop has promised: two hashes under one terminal and record_number"},
		},
		"a neighbour that names another": {
			joined(c.answers(twice, 2), c.answers(unchanged, 3)), 1, []string{"disagree: record 3 ", "names " + c.all[1].Hash().Hex()},
		},
		"a first record with one before it": {
			c.answers(func(f *sale.Sale) { f.PreviousHash = common.Hash{1} }, 1), 1, []string{"disagree: record 1 ", "the terminal's beginning"},
		},
		"a later one with none before it": {
			c.answers(func(f *sale.Sale) { f.PreviousHash = common.Hash{} }, 3), 1, []string{"disagree: record 3 ", "names no record before it"},
		},
		"a sale under two numbers": {
			joined(c.answers(unchanged, 2), c.answers(func(f *sale.Sale) { f.SaleID = c.all[1].SaleID }, 4)), 1, []string{"stands under the numbers 2 and 4"},
		},
		"of two terminals": {
			joined(c.answers(unchanged, 1), newTill(t, "t2", 1).answers(unchanged, 1)), 2, []string{"several terminals"},
		},
		"a series is a terminal": {
			joined(c.answers(unchanged, 1), newTill(t, "t1~2", 1).answers(unchanged, 1)), 2, []string{"several terminals"},
		},
		"of two stores": {
			joined(c.answers(unchanged, 1), c.answers(func(f *sale.Sale) { f.StoreID = "s2" }, 2)), 2, []string{"several terminals"},
		},
		"no files":          {nil, 2, []string{"--help"}},
		"no such file":      {[]string{"/nowhere"}, 2, []string{"no such file"}},
		"not an answer":     {[]string{file(t, []byte(`{"a":1}`))}, 2, []string{"neither a proof nor the answer of a record"}},
		"a repeated member": {[]string{file(t, []byte(`{"sale_id":"x","sale_id":"y","anchor":{}}`))}, 2, []string{"not strict JSON"}},
		"a promise that says another one": {
			[]string{file(t, answerOf(t, c.all[0], c.key.SignSale(promised(c.all[1], "", ""))))}, 1, []string{"contradict each other"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, said := program(t, nil, append([]string{"chain"}, x.files...)...)
			require.Equal(t, x.code, code, said)
			for _, want := range x.want {
				require.Contains(t, said, want)
			}
		})
	}
	code, said := program(t, nil, append([]string{"chain", "-jwks", keys}, c.answers(unchanged, 1, 2)...)...)
	require.Zero(t, code, said)
	require.NotContains(t, said, "not checked")
	code, said = program(t, nil, append([]string{"chain", "-jwks", file(t, keysOf(newTill(t, "t9", 1).key))}, c.answers(unchanged, 1)...)...)
	require.Equal(t, 1, code, said)
	code, said = program(t, nil, "chain", "--help")
	require.Zero(t, code)
	require.Contains(t, said, "A gap alone contradicts nothing.")
}

func TestABatchsAnswersAndProofsAreRecordsToo(t *testing.T) {
	s := setup(t)
	c := newTill(t, "t1", 3)
	var entries []string
	for _, f := range c.all[:2] {
		entries = append(entries, `{"idempotency_key":"x","status":201,"body":`+string(answerOf(t, f, ""))+`}`)
	}
	entries = append(entries, `{"idempotency_key":"x","status":422,"body":{"code":"INVALID_RECORD"}}`)
	batch := file(t, []byte("["+strings.Join(entries, ",")+"]"))
	proof := s.prove(c.all[2], record, s.sold().AmountWei, 2)
	code, said := program(t, nil, "chain", batch, file(t, encode(t, proof)))
	require.Zero(t, code, said)
	require.Contains(t, said, "agree: terminal t1 in store s1, records 1 to 3, 0 gaps")
	code, said = program(t, nil, "chain", batch, file(t, change(t, proof, "sale.pointsBalance", "7")))
	require.Equal(t, 1, code, said)
	require.Contains(t, said, "do not hash to its sale_hash")
}
