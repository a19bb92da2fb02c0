package verify_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
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
	c := &till{t: t, key: newKey(t)}
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
		files = append(files, file(c.t, answerOf(c.t, f, c.promise(f))))
	}
	return files
}

func (c *till) promise(f sale.Sale) string { return c.key.SignSale(promised(f, "", "")) }

func unchanged(*sale.Sale) {}

func joined(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// chainCase is what verify chain is given, and what it says.
type chainCase struct {
	files []string
	code  int
	want  []string
}

func requireChains(t *testing.T, cases map[string]chainCase, more ...string) {
	t.Helper()
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			code, said := program(t, nil, append(append([]string{"chain"}, more...), x.files...)...)
			require.Equal(t, x.code, code, said)
			for _, want := range x.want {
				require.Contains(t, said, want)
			}
		})
	}
}

func TestRecordsOfOneTerminalAgreeAndEachGapIsNamed(t *testing.T) {
	c := newTill(t, "t1", 6)
	whole := c.answers(unchanged, 3, 1, 2, 4)
	requireChains(t, map[string]chainCase{
		"a whole chain, in any order": {whole, 0, []string{"agree: terminal t1 in store s1, records 1 to 4, 0 gaps\n"}},
		"one alone":                   {c.answers(unchanged, 1), 0, []string{"records 1 to 1, 0 gaps\n"}},
		"one twice":                   {c.answers(unchanged, 2, 2), 0, []string{"agree"}},
		"a record that is missing": {
			c.answers(unchanged, 1, 2, 4), 0, []string{"record 3 exists, with sale_hash " + c.all[2].Hash().Hex(), ", 1 gap\n"},
		},
		"several that are missing": {
			c.answers(unchanged, 1, 6), 0, []string{"records 2 to 4 exist and are not among the files", "record 5 exists, with sale_hash " + c.all[4].Hash().Hex()},
		},
		"the first ones are missing": {c.answers(unchanged, 5), 0, []string{"records 1 to 3 exist", "record 4 exists"}},
		"two gaps":                   {c.answers(unchanged, 2, 4), 0, []string{"record 1 exists", "record 3 exists", ", 2 gaps\n"}},
		"a second series":            {newTill(t, "t1~2", 2).answers(unchanged, 1, 2), 0, []string{"agree: terminal t1~2 in store s1"}},
		"of two terminals": {
			joined(c.answers(unchanged, 1), newTill(t, "t2", 1).answers(unchanged, 1)), 2, []string{"several terminals", " of t1 in ", " of t2 in "},
		},
		"of two series": {
			joined(c.answers(unchanged, 1), newTill(t, "t1~2", 1).answers(unchanged, 1)), 2, []string{"several terminals", " of t1 in ", " of t1~2 in "},
		},
		"of two stores": {
			joined(c.answers(unchanged, 1), c.answers(func(f *sale.Sale) { f.StoreID = "s2" }, 2)), 2, []string{"several terminals", "store s1", "store s2"},
		},
		"no files":          {nil, 2, []string{"--help"}},
		"no such file":      {[]string{"/nowhere"}, 2, []string{"no such file"}},
		"not an answer":     {[]string{file(t, []byte(`{"a":1}`))}, 2, []string{"neither a proof nor the answer of a record"}},
		"a repeated member": {[]string{file(t, []byte(`{"sale_id":"x","sale_id":"y","anchor":{}}`))}, 2, []string{"not strict JSON"}},
		"an empty batch":    {[]string{file(t, []byte(`[]`))}, 2, []string{"the files hold no record"}},
	})
	_, said := program(t, nil, append([]string{"chain"}, whole...)...)
	require.Less(t, strings.Index(said, c.all[0].Hash().Hex()), strings.Index(said, c.all[2].Hash().Hex()), "they are said by number")
	require.Contains(t, said, "signatures were not checked")
	code, said := program(t, nil, append(c.answers(unchanged, 1, 2), "-jwks", file(t, keysOf(c.key)))...)
	require.Equal(t, 2, code, "these are two proofs: %s", said)
	code, said = program(t, nil, append(append([]string{"chain"}, whole...), "-jwks", file(t, keysOf(c.key)))...)
	require.Zero(t, code, said)
	require.NotContains(t, said, "not checked")
	code, said = program(t, nil, "chain", "--help")
	require.Zero(t, code)
	require.Contains(t, said, "A gap\nalone contradicts nothing.")
}

func TestRecordsThatContradictOneChainAreNamed(t *testing.T) {
	c := newTill(t, "t1", 6)
	balance := func(f *sale.Sale) { f.PointsBalance++ }
	after := func(hash common.Hash) func(*sale.Sale) { return func(f *sale.Sale) { f.PreviousHash = hash } }
	first, second := c.all[0].Hash(), c.all[1].Hash()
	other := c.all[0]
	balance(&other)
	requireChains(t, map[string]chainCase{
		"a neighbour that names another": {
			joined(c.answers(balance, 2), c.answers(unchanged, 3)), 1,
			[]string{"FAILED  record 3 ", "names " + second.Hex() + " as the record before it", "disagree: 1 contradiction\n"},
		},
		"a first record with one before it": {c.answers(after(common.Hash{1}), 1), 1, []string{"FAILED  record 1 ", "there is none before the first"}},
		"a later one with none before it":   {c.answers(after(common.Hash{}), 3), 1, []string{"FAILED  record 3 ", "names no record before it"}},
		"a sale under two numbers": {
			joined(c.answers(unchanged, 2), c.answers(func(f *sale.Sale) { f.SaleID = c.all[1].SaleID }, 4)), 1, []string{"stands under the numbers 2 ("},
		},
		"a record left out, and the next one tied to the one before it": {
			joined(c.answers(unchanged, 1, 2), c.answers(after(second), 4)), 1,
			[]string{"FAILED  record 4 ", "names " + second.Hex() + " as record 3, which stands under number 2", "gap     record 3 is not among the files"},
		},
		"two that name one record, which can only be before one of them": {
			joined(c.answers(after(first), 4), c.answers(after(first), 6)), 1, []string{"FAILED  record 6 ", "as record 5, which stands under number 3"},
		},
		"two that name different ones before them": {
			joined(c.answers(unchanged, 3), c.answers(after(first), 3)), 1, []string{"names " + first.Hex() + " as the record before it, which is " + second.Hex()},
		},
		"all that is wrong": {
			joined(c.answers(balance, 2), c.answers(unchanged, 3, 4), c.answers(balance, 5), c.answers(unchanged, 6)), 1,
			[]string{"FAILED  record 3 ", "FAILED  record 6 ", "disagree: 2 contradictions\n", "\n4       " + c.all[3].Hash().Hex()},
		},
		"a promise of another record": {
			[]string{file(t, answerOf(t, c.all[0], c.promise(c.all[1])))}, 1, []string{"FAILED  ", "contradict each other: it is of sale "},
		},
		"a promise of another hash": {
			[]string{file(t, answerOf(t, other, c.promise(c.all[0])))},
			1,
			[]string{"FAILED  ", "contradict each other: it signs sale_hash " + first.Hex()},
		},
	})
	requireChains(t, map[string]chainCase{
		"somebody else's signature": {c.answers(unchanged, 1), 1, []string{"the promise names a key that is not in the key set"}},
	}, "-jwks", file(t, keysOf(newKey(t))))
}

// Anybody can write an answer without a promise, and a promise that nobody checks.
func TestTwoHashesUnderANumberConvictTheShopByItsSignatures(t *testing.T) {
	c := newTill(t, "t1", 3)
	other := c.all[1]
	other.PointsBalance++
	honest := c.answers(unchanged, 2)
	forged := []string{file(t, answerOf(t, other, forge(t, newKey(t), c.promise(other))))}
	bare := []string{file(t, answerOf(t, other, ""))}
	both := joined(honest, c.answers(func(f *sale.Sale) { f.PointsBalance++ }, 2))
	names := "record 2 is " + c.all[1].Hash().Hex()
	requireChains(t, map[string]chainCase{
		"signed, and checked":    {both, 1, []string{names, other.Hash().Hex(), "both signed by the shop, which convicts the shop\n", "disagree: 1 contradiction"}},
		"without a promise":      {joined(honest, bare), 1, []string{names, "not both with a promise"}},
		"with a false signature": {joined(honest, forged), 1, []string{"FAILED  " + forged[0] + ": its promise: the promise's signature does not match"}},
	}, "-jwks", file(t, keysOf(c.key)))
	requireChains(t, map[string]chainCase{
		"signed, and not checked": {both, 1, []string{names, "which convicts the shop if it has signed both: -jwks tells"}},
		"false, and not checked":  {joined(honest, forged), 1, []string{"if it has signed both"}},
	})
	_, said := program(t, nil, append([]string{"chain", "-jwks", file(t, keysOf(c.key))}, joined(honest, forged)...)...)
	require.NotContains(t, said, "convicts")
}

func TestARecordThatTheShopDeletedConvictsIt(t *testing.T) {
	c := newTill(t, "t1", 5)
	keys := file(t, keysOf(c.key))
	code, said := program(t, nil, append([]string{"chain", "-jwks", keys}, c.answers(unchanged, 1, 2, 4, 5)...)...)
	require.Zero(t, code, said)
	require.Contains(t, said, "record 3 exists, with sale_hash "+c.all[2].Hash().Hex())

	due := promised(c.all[2], "", "").AnchorBy
	args := []string{"promise", "-jwks", keys, "-proof", serve(t, 404, `{"code":"NOT_FOUND"}`), c.answers(unchanged, 3)[0]}
	var out bytes.Buffer
	require.Zero(t, verify.MainAt(t.Context(), time.Unix(due, 0), args, nil, &out, &out), out.String())
	require.Contains(t, out.String(), "\nnot due yet: ")
	out.Reset()
	require.Equal(t, 1, verify.MainAt(t.Context(), time.Unix(due+1, 0), args, nil, &out, &out), out.String())
	require.Contains(t, out.String(), "record 3 of terminal \"t1\"")
	require.Contains(t, out.String(), "sale_hash "+c.all[2].Hash().Hex())
	require.Contains(t, out.String(), "signed with the key "+c.key.ID())
	at := time.Unix(due, 0).UTC().Format(time.RFC3339)
	require.Contains(t, out.String(), "\nbroken: it was due at "+at+", and no proof was produced: the shop answered 404 NOT_FOUND\n")
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
	require.Contains(t, said, "FAILED  ")
	require.Contains(t, said, "do not hash to its sale_hash")
	require.Contains(t, said, "\n2       "+c.all[1].Hash().Hex(), "the others are looked at none the less")
	code, said = program(t, nil, "chain", file(t, []byte(`[{"status":201},{"status":422}]`)))
	require.Equal(t, 2, code, said)
	require.Contains(t, said, "entry 0 has no body")
}
