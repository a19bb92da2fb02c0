package ledger_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

// scrape reads all that Prometheus would.
func scrape(t *testing.T, addr string) map[string]string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	found := map[string]string{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		found[name] = value
	}
	return found
}

func hours(n int) time.Time { return time.Now().Add(-time.Duration(n) * time.Hour) }

// agesOf are the hours for which the oldest sale waits for its leaf, its batch and its announcement.
func agesOf(scraped map[string]string) (h [3]int) {
	for i, stage := range []string{"leaf", "batch", "anchored"} {
		age, _ := time.ParseDuration(scraped[`tillseal_ledger_oldest_sale_seconds{stage="`+stage+`"}`] + "s") // 0 before the first tick
		h[i] = int(age / time.Hour)
	}
	return h
}

func TestTheAgesAreToldWhileNATSIsAway(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	s := setup(t, quickly, func(cfg *ledger.Config) { cfg.Telemetry.MetricsAddr = addr })
	sold, deployment := s.sell(1, hours(5)), s.deploy()
	s.leaf(sold, "1")
	s.waitFor("it waits for its batch", func() bool { return agesOf(scrape(t, addr)) == [3]int{0, 5, 0} })
	s.nats.Stop()
	s.seal(deployment, 1, sold)
	s.waitFor("it waits for its announcement", func() bool { return agesOf(scrape(t, addr)) == [3]int{0, 0, 5} })
	for range 20 {
		found := scrape(t, addr)
		require.Equal(t, [3]int{0, 0, 5}, agesOf(found))
		require.Equal(t, "1", found["tillseal_ledger_reconciler_active"])
	}
}

func TestTheAgeOfTheOldestSaleIsToldByWhatItWaitsFor(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	s := setup(t, quickly, func(cfg *ledger.Config) { cfg.Telemetry.MetricsAddr = addr })
	ages := func() [3]int { return agesOf(scrape(t, addr)) }
	anchored := s.seal(s.deploy(), 1, s.sell(1, hours(9)))
	s.publish(event.Anchored(anchored.anchored(0, 99), noon, 0))
	leafed, lost, parked := s.sell(3, hours(5)), s.sell(4, hours(3)), s.sell(5, hours(8))
	s.park(7, parked)
	s.leaf(leafed, "1")
	second := s.seal(anchored.deployment, 2, s.sell(2, hours(7)))
	s.waitFor("each age is shown", func() bool { return ages() == [3]int{3, 5, 7} })
	s.run(lose)
	s.waitFor("the lost one is repaired", func() bool { return scrape(t, addr)["tillseal_ledger_repaired_total"] != "0" })
	found := scrape(t, addr)
	require.Equal(t, "1", found["tillseal_ledger_repairs_open"])
	require.Equal(t, "1", found["tillseal_ledger_reconciler_active"])
	s.waitFor("what is parked is counted", func() bool { return scrape(t, addr)[`tillseal_ledger_parked{service="pricing"}`] == "1" })

	s.leaf(lost, "2")
	s.seal(anchored.deployment, 3, leafed, lost)
	s.publish(event.Anchored(second.anchored(0, 99), noon, 0))
	s.waitFor("only the last batch is waited for", func() bool { return ages() == [3]int{0, 0, 5} })
	s.waitFor("no repair is open", func() bool { return scrape(t, addr)["tillseal_ledger_repairs_open"] == "0" })
}

func TestWhatIsParkedIsCountedWithinSecondsHoweverLateRepairsAre(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	s := setup(t, func(cfg *ledger.Config) { cfg.RepairAfter, cfg.Telemetry.MetricsAddr = 10*time.Minute, addr })
	for _, service := range []string{"pricing", "anchor", "ledger", "unknown"} {
		require.Equal(t, "0", scrape(t, addr)[`tillseal_ledger_parked{service="`+service+`"}`], "it is there before anything is parked")
	}
	s.park(7, s.sell(1, noon))
	s.waitFor("what is parked is counted", func() bool { return scrape(t, addr)[`tillseal_ledger_parked{service="pricing"}`] == "1" })
}
