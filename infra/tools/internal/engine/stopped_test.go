package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

// screen is what a person sees of make run.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	also io.Writer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.also.Write(p)
	return s.text.Write(p)
}

// shows waits until a text is on the screen n times.
func (s *screen) shows(t *testing.T, n int, text string) {
	t.Helper()
	testkit.Eventually(t, soon, "the screen shows "+text, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if seen := strings.Count(s.text.String(), text); seen < n {
			return fmt.Errorf("%d times of %d", seen, n)
		}
		return nil
	})
}

// tamper changes the root of every batch, as somebody with the database in his hands.
func (s *shop) tamper() {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.e.SuperuserURL())
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(s.t.Context()) }()
	_, err = conn.Exec(s.t.Context(), `UPDATE anchor.batch SET root = decode(repeat('ab', 32), 'hex')`)
	require.NoError(s.t, err)
}

func TestTheTillsGoOnWhenTheAnchorHasStoppedForAPerson(t *testing.T) {
	cfg, seen := directory(t), &screen{also: t.Output()}
	cfg.Progress, cfg.Remind = seen, 200*time.Millisecond
	s := open(t, cfg)
	s.requireAnchored(s.sell(1)[0])
	testkit.Eventually(t, soon, "the anchor stops", func() error {
		s.sell(1) // the anchor reads the batches that are not final yet
		s.tamper()
		if stopped := s.e.Stopped(); len(stopped) == 0 {
			return errors.New("it runs")
		}
		return nil
	})
	seen.shows(t, 3, "anchor has stopped and needs a person: ")
	testkit.Eventually(t, soon, "its log says so as often", func() error { // each time the screen comes first
		log, err := os.ReadFile(filepath.Join(cfg.Dir, "log", "anchor.log"))
		if n := strings.Count(string(log), `"msg":"ALARM: this part has stopped and needs a person"`); err == nil && n < 3 {
			err = fmt.Errorf("%d times of 3", n)
		}
		return err
	})

	a := s.sell(1)[0]
	s.requireReplayed(a)
	var out bytes.Buffer
	require.NoError(t, s.e.Demonstrate(t.Context(), &out), "which sells too")
	require.Contains(t, out.String(), "cannot be anchored now: anchor has stopped and needs a person: ")
	require.Contains(t, out.String(), "Tillseal is up at "+s.e.GatewayURL)
	require.FileExists(t, filepath.Join(cfg.Dir, "env"))
}

func TestAKilledPostgresAndAKilledRedisComeBackAndSalesGoOn(t *testing.T) {
	cfg, seen := directory(t), &screen{also: t.Output()}
	cfg.Progress = seen
	s := open(t, cfg)
	a := s.sell(1)[0]
	require.NoError(t, syscall.Kill(s.e.Redis().Pid(), syscall.SIGKILL))
	b := s.sell(1)[0] // not for a moment do tills wait for it
	require.NoError(t, syscall.Kill(s.e.Postgres().Pid(), syscall.SIGKILL))
	seen.shows(t, 1, "redis is back")
	seen.shows(t, 1, "postgres is back")
	key, record := uuid.NewString(), `{"currency":"INR","total":"12.50"}`
	testkit.Eventually(t, soon, "the gateway sells", func() error {
		status, body, err := s.e.Do(t.Context(), s.till.Key, http.MethodPost, "/record", key, record)
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("%d: %s", status, body)
		}
		return err
	})
	for _, sold := range []answer{a, b} {
		s.requireReplayed(sold)
		s.requireAnchored(sold)
	}
}
