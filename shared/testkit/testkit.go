// Package testkit gives tests real servers: Postgres with the schema, Redis, NATS JetStream, a development chain and
// a faulty RPC proxy in front of it. Everything ends with the test that asked for it, or with its test binary.
package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/local/port"
)

const (
	// startWithin bounds the start of one server, a first installation included.
	startWithin = 10 * time.Minute
	// stopWithin bounds its stop; what remains is killed.
	stopWithin = 15 * time.Second
	// pollEvery is the interval of Eventually.
	pollEvery = 10 * time.Millisecond
	// tempPrefix marks this package's directories, so that those of killed runs are found and removed.
	tempPrefix = "tillseal-test-"
	// abandonedAfter is the age from which an unlocked directory counts as left behind.
	abandonedAfter = time.Minute
)

// binary is what one test binary shares.
var binary struct {
	sync.Mutex
	hasMain  bool
	dir      string
	lock     *os.File
	postgres *local.Postgres
	template string // database that Database copies
}

// ofARunningEngine are variables of .run/env that programs started by tests would take from a shell that has read that file: they belong to
// the engine of make run. Each test sets the others, such as NATS_URL, for its programs.
var ofARunningEngine = []string{"NATS_NKEY_FILE", "NATS_NKEY", "NATS_CONTEXT", "ANCHOR_CONTRACT"}

// Main is a package's TestMain: it runs the tests, stops what they shared, checks that nothing is left running and
// exits.
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
func Main(m *testing.M) {
	binary.hasMain = true
	for _, name := range ofARunningEngine {
		if err := os.Unsetenv(name); err != nil {
			fmt.Fprintf(os.Stderr, "testkit: %v\n", err)
		}
	}
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintf(os.Stderr, "testkit: stop what the tests shared: %v\n", err)
		code = max(code, 1)
	}
	if code == 0 {
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(known...); err != nil {
			fmt.Fprintf(os.Stderr, "testkit: goroutines left running: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// known are goroutines that libraries start once and never end.
var known = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/eth/filters.(*FilterAPI).timeoutLoop"),
	goleak.IgnoreAnyFunction("github.com/ethereum/go-ethereum/core.(*txSenderCacher).cache"),
	// fasthttp's clock never ends, and its worker pool sees only every ten seconds that it was stopped.
	goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	// A NATS that is stopped while a stream asks its source for messages waits out the answer.
	goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).trySetupSourceConsumer.func3"),
	// Ends a second after its database was closed.
	goleak.IgnoreAnyFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"),
}

func stopShared() error {
	binary.Lock()
	defer binary.Unlock()
	var err error
	if binary.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		err = errors.Join(binary.postgres.Stop(ctx), binary.postgres.Remove())
		binary.postgres = nil
	}
	if binary.dir != "" {
		err = errors.Join(err, os.RemoveAll(binary.dir), binary.lock.Close())
		binary.dir = ""
	}
	return err
}

// dir makes a directory for one server. Not t.TempDir: that is closed to the user that Postgres runs as, and its
// removal fails a test whose server is slow to end.
func dir(t testing.TB, name string) string {
	t.Helper()
	binary.Lock()
	defer binary.Unlock()
	made, err := makeDir(name)
	if err != nil {
		t.Fatalf("testkit: make a directory for %s: %v", name, err)
	}
	return made
}

// makeDir is dir with the lock held.
func makeDir(name string) (string, error) {
	if !binary.hasMain {
		return "", errors.New("this package has no TestMain that calls testkit.Main")
	}
	if binary.dir == "" {
		removeAbandoned()
		made, err := os.MkdirTemp("", tempPrefix)
		if err != nil {
			return "", err
		}
		if err := os.Chmod(made, 0o711); err != nil { //nolint:gosec // Postgres's user passes through
			return "", err
		}
		if binary.lock, err = os.Create(filepath.Join(made, "lock")); err != nil {
			return "", err
		}
		if err := syscall.Flock(int(binary.lock.Fd()), syscall.LOCK_EX); err != nil {
			return "", err
		}
		binary.dir = made
	}
	return os.MkdirTemp(binary.dir, name+"-")
}

// removeAbandoned removes what test binaries left behind that were killed or timed out: nobody holds its lock.
func removeAbandoned() {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	for _, path := range found {
		if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		f, err := os.Open(filepath.Join(path, "lock"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		_ = f.Close()
	}
}

// tools finds the server programs, installing them if it may; what is missing fails the test.
func tools(ctx context.Context, t testing.TB) local.Tools {
	t.Helper()
	found, err := local.Ensure(ctx, progress{t})
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return found
}

// progress shows a server's steps in the test's log.
type progress struct{ t testing.TB }

func (p progress) Write(line []byte) (int, error) {
	p.t.Log(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// FreePort is a port on loopback that nobody listens on, and that nobody else is given before the test ends.
func FreePort(t testing.TB) int {
	t.Helper()
	reserved, err := port.Reserve()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(reserved.Release)
	return reserved.Number()
}

// FreePorts is the first of n such ports that follow each other.
func FreePorts(t testing.TB, n int) (first int) {
	t.Helper()
	row, err := port.ReserveRow(n)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	for _, p := range row {
		t.Cleanup(p.Release)
	}
	return row[0].Number()
}

// Eventually polls check every 10 ms until it returns nil, and fails the test with what was awaited and the last
// error when that takes longer than within. It calls check in the test's goroutine, so a check may fail the test too.
func Eventually(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s; last: %v", within, what, err)
		}
		<-time.After(pollEvery) // not t.Context: cleanups may wait too
	}
}
