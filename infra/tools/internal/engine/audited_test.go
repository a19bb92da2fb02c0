package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/audit"
	checks "github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// audited is what an audit comes to: its exit code, and of each finding its kind and what it is about.
type audited struct {
	code  int
	names []string
}

// subject is the part of a finding that both audits have.
var subject = regexp.MustCompile(`(?m)^(?:log_differs|\w+: (?:customer [^\s:]+|batch \d+|[^\s:]+/\d+))`)

// TestTheAuditAndIndependentCodeNameWhatWasAltered has an administrator of the database tamper with a running shop.
func TestTheAuditAndIndependentCodeNameWhatWasAltered(t *testing.T) {
	s := open(t, directory(t))
	sold := s.sell(6)
	for _, a := range sold {
		s.requireAnchored(a)
	}
	require.NoError(t, s.e.Finalize())
	honest := audited{}
	require.Equal(t, honest, s.audited())
	require.Equal(t, honest, s.auditedIndependently())
	require.Equal(t, honest, s.auditedByTheLedger())

	const (
		sale     = "UPDATE sales.sale SET total = '%s' WHERE sale_id = '%s'"
		customer = "UPDATE sales.loyalty_account SET points_balance = points_balance %s WHERE customer_id = 'C-1'"
	)
	record := s.audit("SELECT terminal_id || '/' || record_number FROM audit.sale WHERE sale_id = '" + sold[0].saleID + "'")
	s.alter(fmt.Sprintf(sale, "1.00", sold[0].saleID), fmt.Sprintf(customer, "+ 99999"))
	altered := audited{1, []string{"account_altered: customer C-1", "record_altered: " + record}}
	for _, found := range []audited{s.audited(), s.auditedIndependently(), s.auditedByTheLedger()} {
		require.Equal(t, altered.code, found.code)
		require.ElementsMatch(t, altered.names, found.names)
	}
	next := `{"currency":"INR","total":"1.00","customer_id":"C-1"}`
	status, body, err := s.e.Do(t.Context(), s.till.Key, http.MethodPost, "/record", uuid.NewString(), next)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, string(body), "RECORD_ALTERED")

	s.alter(fmt.Sprintf(sale, "100.50", sold[0].saleID), fmt.Sprintf(customer, "- 99999"))
	require.Equal(t, honest, s.audited())
	require.Equal(t, honest, s.auditedIndependently())
	require.Equal(t, honest, s.auditedByTheLedger())

	gone := sold[3].saleID
	record = s.audit("SELECT terminal_id || '/' || record_number FROM audit.sale WHERE sale_id = '" + gone + "'")
	batch := s.audit("SELECT batch_id::text FROM audit.batch_leaf WHERE sale_id = '" + gone + "'")
	s.alter("DELETE FROM anchor.batch_leaf WHERE sale_id = '"+gone+"'", "DELETE FROM sales.loyalty_entry WHERE sale_id = '"+gone+"'",
		"DELETE FROM sales.sale WHERE sale_id = '"+gone+"'")
	for _, found := range []audited{s.audited(), s.auditedIndependently()} {
		require.Equal(t, 1, found.code)
		require.Subset(t, found.names, []string{"record_missing: " + record, "batch_altered: batch " + batch})
		require.NotContains(t, found.names, "log_differs")
	}

	s.alter("UPDATE anchor.batch SET root = sha256(root)")
	for _, found := range []audited{s.audited(), s.auditedIndependently(), s.auditedByTheLedger()} {
		require.Equal(t, 1, found.code)
		require.Contains(t, found.names, "log_differs", "what the chain has cannot be altered")
	}
}

// alter changes rows as the superuser, whom neither rights nor triggers nor references stop.
func (s *shop) alter(statements ...string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.e.SuperuserURL())
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range append([]string{"SET session_replication_role = replica"}, statements...) {
		_, err = conn.Exec(s.t.Context(), statement)
		require.NoError(s.t, err)
	}
}

func (s *shop) contract() string {
	s.t.Helper()
	return s.audit("SELECT contract FROM audit.deployment WHERE NOT retired ORDER BY deployment DESC LIMIT 1")
}

func (s *shop) audited() audited {
	s.t.Helper()
	var stdout bytes.Buffer
	args := []string{"-rpc", s.e.ChainURL, "-contract", s.contract()}
	code := audit.Main(s.t.Context(), args, []string{"DB_URL=" + s.e.AuditorURL}, &stdout, s.t.Output())
	return audited{code, subject.FindAllString(stdout.String(), -1)}
}

// auditedByTheLedger has the ledger audit everything, and is what is open then.
func (s *shop) auditedByTheLedger() audited {
	s.t.Helper()
	var asked struct{ Run int64 }
	testkit.Eventually(s.t, soon, "the ledger can audit", func() error { // what it began by itself ends before
		return s.tryAsk("ops.ledger.audit.start", `{"operator":"asha"}`, &asked)
	})
	type answer struct {
		Full struct {
			Run     int64
			State   string
			Skipped []string
		}
		Findings []checks.Finding
	}
	var status answer
	testkit.Eventually(s.t, soon, "the ledger has audited", func() error {
		status = answer{}
		s.ask("ops.ledger.audit.status", `{}`, &status)
		if status.Full.Run != asked.Run {
			return errors.New("not yet")
		}
		return nil
	})
	require.Empty(s.t, status.Full.Skipped, "the chain is compared too")
	found := audited{}
	if status.Full.State != "clean" {
		require.Equal(s.t, "findings", status.Full.State)
		found.code = 1
	}
	for i := range status.Findings {
		found.names = append(found.names, subject.FindString(status.Findings[i].String()))
	}
	return found
}

// tryAsk asks once, and may be refused.
func (s *shop) tryAsk(subject, request string, answer any) error {
	conn := s.operator()
	defer conn.Close()
	msg, err := conn.Request(subject, []byte(request), askLimit)
	switch {
	case err != nil:
		return err
	case msg.Header.Get("Nats-Service-Error-Code") != "":
		return errors.New(msg.Header.Get("Nats-Service-Error"))
	}
	return json.Unmarshal(msg.Data, answer)
}

// auditedIndependently audits with psql, ethers and @openzeppelin/merkle-tree.
func (s *shop) auditedIndependently() audited {
	s.t.Helper()
	tools, err := local.Ensure(s.t.Context(), s.t.Output())
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), "node", "../../../../contracts/tools/audit.mjs", s.e.ChainURL, s.contract())
	cmd.Env = append(os.Environ(), "DB_URL="+s.e.AuditorURL, "PATH="+tools.Postgres+string(filepath.ListSeparator)+os.Getenv("PATH"))
	cmd.Stderr = s.t.Output()
	stdout, err := cmd.Output()
	if refused := (&exec.ExitError{}); err != nil && !errors.As(err, &refused) {
		require.NoError(s.t, err, "node and the npm tools are needed: make tools")
	}
	return audited{cmd.ProcessState.ExitCode(), subject.FindAllString(string(stdout), -1)}
}
