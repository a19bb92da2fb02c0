package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// childVar makes this test binary a gateway, with its settings in the environment: only a process can be frozen.
const childVar = "TILLSEAL_TEST_GATEWAY"

func serveAsChild() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load[gateway.Config](os.Environ())
	if err == nil {
		cfg.Listening = func(addr string) { fmt.Println(addr) } //nolint:forbidigo // standard output is how the parent hears of it
		err = gateway.Run(ctx, cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a gateway of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string

	killed bool
}

func (s *shop) addProcess(name string) *process {
	s.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"=1", "DB_URL="+s.db.Gateway+"&application_name="+name, "REDIS_URL="+s.redis.URL(), "NATS_URL="+s.nats.URL(),
		"GATEWAY_ADDR=127.0.0.1:0", "METRICS_ADDR=", "LOG_LEVEL=error", "TERMINAL_RATE_PER_SECOND=100000", "PEAK_SALES_PER_SECOND=1",
		"PROMISE_KEY_FILE="+s.keyFile, "PROMISE_ISSUER=https://shop.example")
	cmd.Stderr = s.t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	p := &process{t: s.t, cmd: cmd}
	s.t.Cleanup(func() {
		if p.killed {
			require.Error(s.t, cmd.Wait())
			return
		}
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGTERM)
		require.NoError(s.t, cmd.Wait())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(s.t, err)
	p.url = "http://" + strings.TrimSpace(line)
	return p
}

func (p *process) signal(s syscall.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

// freezeInTransaction stops the process between its locks and its COMMIT: at random, until it hits.
func (p *process) freezeInTransaction(db *pgx.Conn, name string) {
	p.t.Helper()
	// Young states may still change by what was on its way to Postgres.
	const states = `SELECT count(*) FILTER (WHERE settled AND state = 'idle in transaction') > 0, coalesce(bool_and(settled), true)
		FROM (SELECT state, state_change < clock_timestamp() - interval '5 ms' AS settled FROM pg_stat_activity
			WHERE application_name = $1 AND state IN ('active', 'idle in transaction')) AS s`
	eventually(p.t, "the gateway is frozen inside a transaction", func() error {
		p.signal(syscall.SIGSTOP)
		var inside, settled bool
		eventually(p.t, "what the frozen gateway sent has arrived", func() error {
			err := db.QueryRow(p.t.Context(), states, name).Scan(&inside, &settled)
			if err == nil && !settled {
				err = errors.New("a session's state is young")
			}
			return err
		})
		if inside {
			return nil
		}
		p.signal(syscall.SIGCONT)
		return errors.New("it was outside")
	})
}

func TestAGatewayFrozenInsideATransactionStallsNoOther(t *testing.T) {
	shop := setup(t)
	frozen := shop.addProcess("frozen")
	db, err := pgx.Connect(t.Context(), shop.db.Admin)
	require.NoError(t, err)
	defer db.Close(context.Background())

	busy := &till{t, frozen.url, shop.till.key}
	stop := make(chan struct{})
	var recorded sync.Map
	var tills sync.WaitGroup
	for range 8 { // the same customer, so that its account is locked most of the time
		tills.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				key := newKey()
				if r, err := busy.try(http.MethodPost, "/record", tea, "Idempotency-Key", key); err == nil && r.Status == http.StatusCreated {
					recorded.Store(key, r.Body)
				}
			}
		})
	}
	defer tills.Wait()
	defer sync.OnceFunc(func() { close(stop); frozen.signal(syscall.SIGCONT) })()

	for range 3 {
		frozen.freezeInTransaction(db, "frozen")
		longest := time.Duration(0)
		for _, took := range together(8, func(int) time.Duration {
			start := time.Now()
			r, err := shop.till.try(http.MethodPost, "/record", tea, "Idempotency-Key", newKey())
			if err != nil || r.Status != http.StatusCreated {
				t.Errorf("not recorded: %v %d %s", err, r.Status, r.Body)
			}
			return time.Since(start)
		}) {
			longest = max(longest, took)
		}
		frozen.signal(syscall.SIGCONT)
		require.Less(t, longest, store.HeldUp+busyMachine)
	}
	recorded.Range(func(key, body any) bool {
		require.Equal(t, string(body.([]byte)), string(shop.till.post(key.(string), tea).Body), "what the frozen one answered is kept")
		return true
	})
}

// freeze stops a server with all its processes, as a machine does that hangs: connections stay open and nobody answers.
func freeze(t *testing.T, pid int) (thaw func()) {
	t.Helper()
	stopped := []int{pid}
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP)) // first, so that it makes no more of them
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(t, err)
	for child := range strings.FieldsSeq(string(list)) {
		id, err := strconv.Atoi(child)
		require.NoError(t, err)
		_ = syscall.Kill(id, syscall.SIGSTOP) // it may have ended
		stopped = append(stopped, id)
	}
	return sync.OnceFunc(func() {
		for _, id := range stopped {
			_ = syscall.Kill(id, syscall.SIGCONT)
		}
	})
}

func TestAFrozenPostgresIsWaitedForOnceAndThenRefusedAtOnce(t *testing.T) {
	postgres := testkit.OwnPostgres(t)
	shop := open(t, testkit.Migrated(t, postgres))
	shop.till.sell(newKey(), tea)
	thaw := freeze(t, postgres.Pid())
	defer thaw()
	key := newKey()
	refuses(t, shop.till.post(key, tea), 503, refusal.StoreUnavailable) // the first may wait for an answer
	eventually(t, "the gateway knows", func() error {
		if r := shop.till.do("GET", "/readyz", ""); r.Status != 503 {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	const many = 200 // with half a second each a minute and more, one after the other
	start := time.Now()
	for range many {
		refuses(t, shop.till.post(key, tea), 503, refusal.StoreUnavailable)
	}
	require.Less(t, time.Since(start), many*100*time.Millisecond+busyMachine)
	thaw()
	eventually(t, "sales are recorded again", func() error {
		if r := shop.till.post(key, tea); r.Status != http.StatusCreated {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	})
	require.Equal(t, 2, shop.sales())
}
