package anchor_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/testkit"
)

// measured starts an anchor with metrics and returns how to read a gauge of it.
func (h *house) measured() (gauge func(name string) (int64, error)) {
	h.t.Helper()
	_, gauge = h.startMeasured()
	return gauge
}

func (h *house) startMeasured() (stop func() error, gauge func(name string) (int64, error)) {
	h.t.Helper()
	addr := "127.0.0.1:" + strconv.Itoa(testkit.FreePort(h.t))
	h.cfg.Telemetry.MetricsAddr = addr
	stop = h.start()
	return stop, func(name string) (int64, error) {
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
		require.NoError(h.t, err)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return 0, err
		}
		found := regexp.MustCompile(`(?m)^tillseal_anchor_` + name + ` (\d+)$`).FindSubmatch(body)
		if found == nil {
			return 0, errors.New(name + " is missing")
		}
		return strconv.ParseInt(string(found[1]), 10, 64)
	}
}

func TestTheAgeOfTheOldestSaleIsReportedByEveryReplicaWithoutTheChain(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	replicas := []func(string) (int64, error){h.measured(), h.measured()}
	sold := h.sell(3)
	h.anchored(sold, nil)
	proxy.On("*", testkit.Status(502))
	h.sell(3)
	h.leaves(6)
	h.exec("UPDATE anchor.leaf SET at = at - interval '2 hours'")
	for i, gauge := range replicas {
		testkit.Eventually(t, soon, fmt.Sprintf("replica %d reports how old the oldest sale is", i), func() error {
			age, err := gauge("oldest_unanchored_seconds")
			waiting, waitingErr := gauge("waiting_leaves")
			if age < 7200 || waiting != 3 {
				err = errors.Join(err, fmt.Errorf("%d s, %d leaves", age, waiting))
			}
			return errors.Join(err, waitingErr)
		})
	}
}

// Postgres is an hour ahead of the anchor: a sale that is compared with the anchor's own clock would wait for an hour, and one
// that is behind would have its fee raised at once.
func TestAPostgresWithAnotherClockHoldsNothingUp(t *testing.T) {
	for _, skew := range []string{"1 hour", "-1 hour"} {
		t.Run(skew, func(t *testing.T) {
			t.Parallel()
			h := setup(t, func(c *anchor.Config) { c.BumpAfter = 10 * time.Minute })
			h.exec(`
				CREATE SCHEMA skewed;
				CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '` + skew + `' $$;
				GRANT USAGE ON SCHEMA skewed TO PUBLIC;
				DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET search_path = skewed, pg_catalog, public'; END $$;
				ALTER TABLE anchor.leaf ALTER at SET DEFAULT skewed.clock_timestamp();
				ALTER TABLE anchor.batch ALTER at SET DEFAULT skewed.clock_timestamp();
				ALTER TABLE anchor.tx_attempt ALTER at SET DEFAULT skewed.clock_timestamp()`)
			h.cfg.BatchAge = 2 * time.Second
			h.start()
			sold := h.sell(3)
			h.anchored(sold, nil)
			more := h.sell(3)
			h.verify(append(sold, more...), h.anchored(append(sold, more...), nil))
			require.Equal(t, "3", h.ask(signedCount), "the deploy and two anchor transactions, none of them dearer than the first")
			require.Equal(t, "0", h.ask("SELECT count(*)::text FROM anchor.batch b WHERE at - (SELECT min(l.at) FROM anchor.batch_leaf m "+
				"JOIN anchor.leaf l USING (sale_id) WHERE m.batch_id = b.batch_id) < interval '2 seconds'"), "each waited for company")
		})
	}
}
