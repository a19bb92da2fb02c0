package gateway_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

// command runs gateway series-next as an operator does.
func (s *shop) command(args ...string) (string, error) {
	var out bytes.Buffer
	err := gateway.SeriesNext().Run(s.t.Context(), args, []string{"DB_URL=" + s.db.Gateway}, &out)
	return out.String(), err
}

// keyRecord is the place of the first key's record in its chain.
const keyRecord = `SELECT s.terminal_id || '/' || s.record_number FROM audit.sale s JOIN audit.promise_key k USING (sale_id) ORDER BY k.recorded_at LIMIT 1`

func TestADatabaseThatWasRestoredToBeforeItsKeyRecordsItInANewSeries(t *testing.T) {
	shop := setup(t)
	require.Equal(t, "operator/1", query[string](shop, keyRecord), "signed by the database that is lost")
	require.NoError(t, shop.gates[0].stop())

	shop.db = testkit.Database(t)
	shop.gates = nil
	out, err := shop.command("-by", "asha", "-reason", "restored the backup of 22 November")
	require.NoError(t, err)
	require.JSONEq(t, `{"series":2,"terminals":1}`, out)
	require.Equal(t, "asha: restored the backup of 22 November", query[string](shop, "SELECT operator || ': ' || reason FROM sales.series WHERE series = 2"))
	shop.addGateway()
	require.Equal(t, "operator~2/1", query[string](shop, keyRecord))
	_, sold := shop.newTill("s1", "t1").sell(newKey(), tea)
	require.Equal(t, "t1~2", sold.TerminalID)
	shop.checkBooks()
}

func TestTheCommandForANewSeriesRefusesWhatTheCallRefuses(t *testing.T) {
	shop := &shop{t: t, db: testkit.Database(t)}
	for wrong, args := range map[string][]string{
		"reason is missing":           {"-by", "asha"},
		"by is missing":               {"-by", " ", "-reason", "x"},
		"control character":           {"-by", "asha", "-reason", "a\u0007"},
		"between 2 and 999999":        {"-by", "asha", "-reason", "x", "-series", "1"},
		"or left out":                 {"-by", "asha", "-reason", "x", "-series", "1000000"},
		`invalid value "two"`:         {"-by", "asha", "-reason", "x", "-series", "two"},
		"not defined: -operator":      {"-operator", "asha"},
		`"restored" is not expected;`: {"-by", "asha", "-reason", "x", "restored"},
	} {
		_, err := shop.command(args...)
		require.ErrorContains(t, err, wrong)
		require.True(t, fault.Is(err, fault.Invalid), wrong)
	}
	err := gateway.SeriesNext().Run(t.Context(), []string{"-by", "asha", "-reason", "x"}, nil, &bytes.Buffer{})
	require.ErrorContains(t, err, "DB_URL is not set")
	help, err := shop.command("--help")
	require.ErrorIs(t, err, flag.ErrHelp)
	for _, named := range []string{"DB_URL", "-by name", "-reason text", "-series number"} {
		require.Contains(t, help, named)
	}
	require.Zero(t, query[int](shop, "SELECT count(*)::int FROM sales.series"))
	out, err := shop.command("-by", "asha", "-reason", "x", "-series", "7")
	require.NoError(t, err)
	require.JSONEq(t, `{"series":7,"terminals":1}`, out)
	_, err = shop.command("-by", "asha", "-reason", "x", "-series", "7")
	require.ErrorContains(t, err, "higher")
}

// TestAGatewayDoesNotSignWithAKeyWhoseRecordWasAltered has the owner of the database do it, since no service may.
func TestAGatewayDoesNotSignWithAKeyWhoseRecordWasAltered(t *testing.T) {
	shop := setup(t)
	require.NoError(t, shop.gates[0].stop())
	const (
		mend = `INSERT INTO sales.promise_key (kid, jwk, sale_id, recorded_at)
			SELECT convert_from(request, 'UTF8')::json ->> 'kid', convert_from(request, 'UTF8'), sale_id, to_timestamp(recorded_at_us / 1e6)
			FROM sales.sale s WHERE kind = 'key' AND NOT EXISTS (SELECT FROM sales.promise_key k WHERE k.sale_id = s.sale_id)`
		remove = "DELETE FROM sales.promise_key"
	)
	refused := func(altered string) {
		shop.exec(altered)
		var log testkit.Log
		err := shop.runAlone(func(c *gateway.Config) { c.Telemetry.LogOutput = &log })
		require.True(t, fault.Is(err, fault.Invalid), "%v after %s", err, altered)
		require.ErrorContains(t, err, "PROMISE_KEY_FILE: the row of key ")
		require.Contains(t, log.String(), "ALARM: the key that signs promises is not recorded as it was")
		require.Equal(t, 1, query[int](shop, "SELECT count(*)::int FROM audit.sale"))
	}
	for _, altered := range []string{
		remove, `UPDATE sales.promise_key SET jwk = replace(jwk, '"kid":"', '"kid":"0')`, "UPDATE sales.promise_key SET sale_id = gen_random_uuid()",
	} {
		refused(altered)
		shop.exec(remove)
		shop.exec(mend)
	}
	gate := shop.addGateway()
	require.Len(t, shop.served(gate).Keys, 1, "as the page says, the record has all that the row had")
	require.NoError(t, gate.stop())
	refused("UPDATE sales.sale SET request = request || '\\x20' WHERE kind = 'key'")
	shop.exec("UPDATE sales.sale SET request = substring(request FOR octet_length(request) - 1) WHERE kind = 'key'")
	refused("UPDATE sales.sale SET fingerprint = sha256(fingerprint) WHERE kind = 'key'")
	refused("UPDATE sales.sale SET idempotency_key = gen_random_uuid() WHERE kind = 'key'") // the key would be recorded a second time
}

// TestAGatewayUnderWhichTheDatabaseIsReplacedRecordsItsKeyThereFirst has an operator put a database of before the key in the place of the present
// one, where at first the key cannot be recorded.
func TestAGatewayUnderWhichTheDatabaseIsReplacedRecordsItsKeyThereFirst(t *testing.T) {
	restored := testkit.Database(t)
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	name := func(url string) string {
		cfg, err := pgx.ParseConfig(url)
		require.NoError(t, err)
		return cfg.Database
	}
	there := *shop
	there.db = restored
	there.exec("REVOKE INSERT ON sales.promise_key FROM gateway")
	server := *shop
	server.db.Admin = testkit.Postgres(t).AdminURL("postgres")
	server.exec(fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name(shop.db.Admin)))
	server.exec(fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name(shop.db.Admin), name(restored.Admin)))

	till := shop.newTill("s1", "t1")
	refuses(t, till.post(newKey(), tea), 503, refusal.StoreUnavailable)
	refuses(t, till.askToClose(newKey()), 503, refusal.StoreUnavailable)
	eventually(t, "it is not ready", func() error {
		if r := till.do("GET", "/readyz", ""); r.Status != http.StatusServiceUnavailable {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	require.Zero(t, shop.sales())
	shop.exec("GRANT INSERT ON sales.promise_key TO gateway")
	var sold answer
	eventually(t, "the key is recorded, and a sale after it", func() error {
		r := till.post(newKey(), tea)
		if r.Status != http.StatusCreated {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		sold = read[answer](t, r)
		return nil
	})
	require.Equal(t, "operator/1", query[string](shop, keyRecord))
	eventually(t, "its keys are served", func() error { // those of before are for a moment
		if keys := shop.served(shop.gates[0]).Keys; len(keys) != 1 || query[string](shop, "SELECT kid FROM audit.promise_key") != keys[0].KeyID {
			return fmt.Errorf("%v", keys)
		}
		return nil
	})
	require.Equal(t, sold.SaleID, opened(t, sold.Promise, shop.served(shop.gates[0])).SaleID)
	till.close(newKey())
	shop.checkBooks()
}
