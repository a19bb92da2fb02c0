package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/lifecycle"
	"github.com/tillseal/tillseal/shared/testkit"
)

// asGateway makes this test binary a gateway that prints its address and serves until it is stopped or killed.
const asGateway = "ENGINE_TEST_AS_GATEWAY"

func serveAsGateway() {
	lifecycle.Main("gateway", "", func(ctx context.Context, cfg gateway.Config) error {
		cfg.Listening = func(addr string) { _, _ = fmt.Fprintln(os.Stdout, addr) }
		return gateway.Run(ctx, cfg)
	})
}

// secondGateway is one on the engine's Postgres and Redis, in a process of its own. NATS is where nobody listens, so what it
// commits it never publishes.
func (s *shop) secondGateway() (second *shop, kill func()) {
	s.t.Helper()
	self, err := os.Executable()
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), self)
	cmd.Env = []string{
		asGateway + "=1", "DB_URL=" + s.e.RoleURL("gateway"), "REDIS_URL=" + s.e.RedisURL, "GATEWAY_ADDR=127.0.0.1:0", "LOG_LEVEL=error",
		"PROMISE_KEY_FILE=" + s.e.PromiseKey(), "PROMISE_ISSUER=https://shop.example",
		fmt.Sprintf("NATS_URL=nats://127.0.0.1:%d", testkit.FreePort(s.t)),
	}
	cmd.Stderr = s.t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(s.t, err)
	return &shop{s.t, &engine.Engine{GatewayURL: "http://" + strings.TrimSpace(addr)}, s.till}, func() {
		require.NoError(s.t, cmd.Process.Kill())
		require.Error(s.t, cmd.Wait())
	}
}

func TestWhatAGatewayCommittedAndDidNotPublishBeforeItWasKilledIsAnchoredOnce(t *testing.T) {
	s := open(t, directory(t))
	second, kill := s.secondGateway()
	sold := second.sell(20)
	require.Equal(t, "20 0", s.audit("SELECT count(*) || ' ' || count(leaf_index) FROM audit.sale LEFT JOIN audit.batch_leaf USING (sale_id)"+ofTills))
	kill()
	sold = append(sold, s.sell(3)...)
	for _, a := range sold {
		s.requireAnchored(a)
	}
	s.requireOnce(sold...)
}

const (
	awayFor  = 10 * time.Second      // several times REPAIR_AFTER, and all that a publisher retries by itself
	awayPace = 25 * time.Millisecond // between what one till sends
)

// sellUntil has tills record sales, one after the other each, until ctx ends. Most must be answered the first time.
func (s *shop) sellUntil(ctx context.Context, tills int) (sold []answer) {
	s.t.Helper()
	var mu sync.Mutex
	var selling sync.WaitGroup
	atOnce := 0
	for range tills {
		selling.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				a, asked, err := s.send(uuid.NewString(), fmt.Sprintf(`{"currency":"INR","total":"%d.50","customer_id":"C-%d"}`, 100+n%900, n%7))
				if err != nil {
					s.t.Error(err)
					return
				}
				mu.Lock()
				sold = append(sold, a)
				if asked == 1 {
					atOnce++
				}
				mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(awayPace): // the pace of a till, nothing that is waited for
				}
			}
		})
	}
	selling.Wait()
	require.Greater(s.t, atOnce, len(sold)/2, "a busy machine refuses some, an absent dependency would refuse all")
	return sold
}

func TestANATSThatIsAwayUnderLoadLosesAndDoublesNothing(t *testing.T) {
	cfg := directory(t)
	cfg.BlockTime = 50 * time.Millisecond
	s := open(t, cfg)
	s.requireAnchored(s.sell(1)[0])
	s.e.NATS().Stop()
	away, back := context.WithTimeout(t.Context(), awayFor)
	defer back()
	sold := s.sellUntil(away, 2)
	require.False(t, t.Failed(), "tills are answered while NATS is away")
	require.NoError(t, s.e.NATS().Restart(t.Context()))
	s.requireHeard(len(sold) + 1)
	require.NotEmpty(t, sold)
	for _, a := range []answer{sold[0], sold[len(sold)/2], sold[len(sold)-1]} {
		s.requireReplayed(a)
		s.requireAnchored(a)
	}
}
