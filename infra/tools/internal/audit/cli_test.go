package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/audit"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// outcome is what a command came to.
type outcome struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, db string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := audit.Main(t.Context(), args, []string{"DB_URL=" + db}, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// shop has a till's day of guests.
func shop(t *testing.T) testkit.DB {
	t.Helper()
	db := testkit.Database(t)
	testkit.Records{Terminal: "t1", Count: 300, Request: func(uint64) (sale.Kind, []byte) {
		return sale.KindSale, []byte(`{"currency":"INR","total":"1249.50"}`)
	}}.Leave(t, db.Admin)
	return db
}

func exec(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, err)
}

func TestTheCommandNamesWhatWasAlteredAndIsCleanOnceThatIsSetBack(t *testing.T) {
	db := shop(t)
	clean := run(t, db.Auditor, "-within", "1000000h")
	require.Equal(t, 0, clean.code, "%+v", clean)
	require.Empty(t, clean.stdout)
	require.Contains(t, clean.stderr, "not checked: the chain: no node was given")
	require.Contains(t, clean.stderr, "300 records, 0 entries, 0 closings and 0 batches in ")
	require.Contains(t, clean.stderr, "nothing was found")

	exec(t, db.Admin, "UPDATE sales.sale SET total = '1.00' WHERE record_number = 7")
	file := filepath.Join(t.TempDir(), "report.json")
	dirty := run(t, db.Auditor, "-within", "1000000h", "-json", file, "-checkpoint", file+".next")
	require.Equal(t, 1, dirty.code)
	require.Regexp(t, `^record_altered: t1/7 sale [0-9a-f-]{36}: its fields, request and salt do not hash to its sale_hash: `+
		`total is not what the till sent\n$`, dirty.stdout)
	require.Contains(t, dirty.stderr, "1 × record_altered")
	require.NoFileExists(t, file+".next", "an audit with findings is nothing to begin at")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var report struct {
		Findings []map[string]any
		Counts   map[string]int
	}
	require.NoError(t, json.Unmarshal(text, &report))
	require.Equal(t, map[string]int{"record_altered": 1}, report.Counts)
	require.Equal(t, "t1", report.Findings[0]["terminal_id"])
	require.Contains(t, run(t, db.Auditor, "-within", "1000000h", "-json", "-").stdout, `"record_altered": 1`)

	exec(t, db.Admin, "UPDATE sales.sale SET total = '1249.50' WHERE record_number = 7")
	require.Equal(t, 0, run(t, db.Auditor, "-within", "1000000h").code)
}

func TestWhatWasFoundIsToldAlsoWhenTheRestCannotBeRead(t *testing.T) {
	db := shop(t)
	exec(t, db.Admin, `INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us) VALUES ('C-1', 5, 0, 0, 0)`)
	exec(t, db.Admin, "DROP VIEW audit.closing") // which is read after the accounts
	found := run(t, db.Auditor, "-within", "1000000h")
	require.Equal(t, 1, found.code, "%+v", found)
	require.Contains(t, found.stdout, "account_altered: customer C-1: ")
	require.Contains(t, found.stderr, "not completed: ")
}

func TestTheNextAuditBeginsWhereThisOneEnded(t *testing.T) {
	db := shop(t)
	file := filepath.Join(t.TempDir(), "checkpoint.json")
	require.Equal(t, 0, run(t, db.Auditor, "-within", "1000000h", "-checkpoint", file).code)
	next := run(t, db.Auditor, "-within", "1000000h", "-since", file)
	require.Equal(t, 0, next.code, "%+v", next)
	require.Contains(t, next.stderr, "0 records")
	require.Contains(t, next.stderr, "only a full audit clears that")
	exec(t, db.Admin, "DELETE FROM sales.sale WHERE record_number = 300; UPDATE sales.terminal_head SET records = 299, head_hash = "+
		"(SELECT sale_hash FROM sales.sale WHERE record_number = 299) WHERE terminal_id = 't1'")
	require.Equal(t, 0, run(t, db.Auditor, "-within", "1000000h").code, "nothing tells any more")
	cut := run(t, db.Auditor, "-within", "1000000h", "-since", file)
	require.Equal(t, 1, cut.code)
	require.Contains(t, cut.stdout, "checkpoint_gone: t1/300: the record, which an earlier audit saw, is missing")
}

func TestThePublishedKeysAndContractsAreTheAuditors(t *testing.T) {
	db := shop(t)
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var jwk string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT jwk FROM sales.promise_key").Scan(&jwk))
	another, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	published := func(jwks ...string) string {
		file := filepath.Join(t.TempDir(), "jwks.json")
		require.NoError(t, os.WriteFile(file, []byte(`{"keys":[`+strings.Join(jwks, ",")+`]}`), 0o600))
		return file
	}
	own := run(t, db.Auditor, "-within", "1000000h", "-jwks", published(string(another.JWK().Bytes()), jwk))
	require.Equal(t, 0, own.code, "%+v", own)
	require.NotContains(t, own.stderr, "compare it")
	foreign := run(t, db.Auditor, "-within", "1000000h", "-jwks", published(string(another.JWK().Bytes())))
	require.Equal(t, 1, foreign.code)
	require.Contains(t, foreign.stderr, "1 × key_unpublished")
	require.Contains(t, foreign.stderr, "300 × record_forged")

	shops, other := "0x"+strings.Repeat("ab", 20), "0x"+strings.Repeat("cd", 20)
	exec(t, db.Admin, "INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (1337, sha256('x'), decode('"+shops[2:]+"', 'hex'), false)")
	require.Equal(t, 0, run(t, db.Auditor, "-within", "1000000h", "-contract", shops).code)
	both := run(t, db.Auditor, "-within", "1000000h", "-contract", other+", "+shops)
	require.Equal(t, 1, both.code)
	require.Contains(t, both.stdout, "was published, and the shop's records know nothing of it")
	unknown := run(t, db.Auditor, "-within", "1000000h", "-contract", other)
	require.Equal(t, 1, unknown.code)
	require.Contains(t, unknown.stdout, "contract_other: contract 0x")
}

func TestWhatCannotBeCompletedIsNoCleanAudit(t *testing.T) {
	db := shop(t)
	for says, args := range map[string][]string{
		"flag provided but not defined":               {"-x"},
		"it takes flags only":                         {"x"},
		"-within must not be below 0":                 {"-within", "-1s"},
		"-contract must be an address, such":          {"-contract", "0x5FbDB2315678afecb367f032d93F642f64180aa3,"},
		"-jwks: read the shop's keys: open /nowhere":  {"-jwks", "/nowhere"},
		"-jwks: read the shop's keys: its URL is not": {"-jwks", "ftp://host/secret"},
		"-contract must be an address":                {"-contract", "0x1"},
		"-terminal and -customer are two audits":      {"-terminal", "t1", "-customer", "C-1"},
		"-customer is no customer's id":               {"-customer", "C 1"},
		"of an audit of all":                          {"-terminal", "t1", "-since", "x"},
		"-since: open /nowhere: no such file":         {"-since", "/nowhere"},
		"-since: it is no checkpoint of an audit":     {"-since", "cli.go"},
		"-rpc: node 1: the node could not be queried": {"-rpc", "http://127.0.0.1:1/secret"},
	} {
		out := run(t, db.Auditor, args...)
		require.Equal(t, 2, out.code, says)
		require.Contains(t, out.stderr, says)
		require.NotContains(t, out.stderr, "secret")
	}
	out := run(t, db.Gateway)
	require.Equal(t, 2, out.code)
	require.Contains(t, out.stderr, "not completed: read audit.promise_key as the auditor: ")
	out = run(t, "postgres://auditor@127.0.0.1:1/x")
	require.Equal(t, 2, out.code)
	help := run(t, db.Auditor, "--help")
	require.Equal(t, 0, help.code)
	require.Contains(t, help.stdout, "tillseal audit [-rpc URL[,URL]] [flags]")
	require.Contains(t, help.stdout, "DB_URL")

	ctx, stop := context.WithCancel(t.Context())
	stop()
	var stdout, stderr bytes.Buffer
	require.Equal(t, 130, audit.Main(ctx, nil, []string{"DB_URL=" + db.Auditor}, &stdout, &stderr))
}
