package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
)

// The gateway and NATS run as processes of their own, so that the kernel counts their time and memory apart: this very
// program, started again with its role in the environment.
const (
	roleVar    = "TILLSEAL_BENCH_ROLE"
	dirVar     = "TILLSEAL_BENCH_DIR"
	profileVar = "TILLSEAL_BENCH_PROFILE" // directory; SIGUSR1 begins a profile there and SIGUSR2 ends it

	roleGateway = "gateway"
	roleNATS    = "nats"
	roleChain   = "chain"
	rolePricing = "pricing"
	roleAnchor  = "anchor"
	roleLedger  = "ledger"

	childStart = 30 * time.Second
	childStop  = 15 * time.Second
)

// Child plays the role that the environment gives this process, and reports whether it had one. Programs and tests that measure
// call it first.
func Child() (code int, was bool) {
	role := os.Getenv(roleVar)
	if role == "" {
		return 0, false
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	run := map[string]func(context.Context) error{
		roleGateway: serveGateway, roleNATS: serveNATS, roleChain: serveChain, rolePricing: servePricing, roleAnchor: serveAnchor, roleLedger: serveLedger,
	}[role]
	if run == nil {
		run = func(context.Context) error { return errors.New("no such role") }
	}
	if err := run(ctx); err != nil && ctx.Err() == nil {
		_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		return 1, true
	}
	return 0, true
}

func serveGateway(ctx context.Context) error {
	gateway.Tune()
	cfg, err := config.Load[gateway.Config](os.Environ())
	if err != nil {
		return err
	}
	cfg.Listening = announce
	go profileOnSignal(ctx, os.Getenv(profileVar))
	return gateway.Run(ctx, cfg)
}

func serveNATS(ctx context.Context) error {
	n, err := local.StartNATS(ctx, local.NATSConfig{Dir: os.Getenv(dirVar), Log: slog.New(slog.NewJSONHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer n.Stop()
	announce(n.URL())
	<-ctx.Done()
	return nil
}

// announce prints for the parent, in one line, the address of this child.
func announce(addr string) { _, _ = fmt.Fprintln(os.Stdout, addr) } // the parent reads it or is gone

// profileOnSignal writes CPU profiles, numbered, until ctx ends.
func profileOnSignal(ctx context.Context, dir string) {
	if dir == "" {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	var file *os.File
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			switch {
			case s == syscall.SIGUSR1 && file == nil:
				file, _ = os.Create(filepath.Join(dir, fmt.Sprintf("gateway-%d-%03d.pprof", os.Getpid(), n))) //nolint:gosec // the directory that -profile named
				_ = pprof.StartCPUProfile(file)
				n++
			case s == syscall.SIGUSR2 && file != nil:
				pprof.StopCPUProfile()
				_ = file.Close()
				file = nil
			}
		}
	}
}

// child is a running role.
type child struct {
	cmd  *exec.Cmd
	addr string // what it announced
	done chan error
}

// startChild starts this program in a role and returns once it has announced its address. It dies with this process.
func startChild(ctx context.Context, role, log string, environ ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", role, err)
	}
	defer out.Close()
	cmd := exec.Command(self) //nolint:gosec,noctx // this very program; it ends by stop
	cmd.Env = append([]string{roleVar + "=" + role, "PATH=" + os.Getenv("PATH")}, environ...)
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, done: make(chan error, 1)}
	started, announced := make(chan error, 1), make(chan string, 1)
	go func() {
		runtime.LockOSThread() // the death signal hangs on the thread that forked
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		announced <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, stdout)
		c.done <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	timeout := time.NewTimer(childStart)
	defer timeout.Stop()
	select {
	case c.addr = <-announced:
	case <-timeout.C:
	case <-ctx.Done():
	}
	if c.addr == "" {
		said, _ := os.ReadFile(log)
		return nil, errors.Join(fmt.Errorf("%s did not start; its output: %s", role, said), c.stop())
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop asks the child to end, and kills it when it does not.
func (c *child) stop() error {
	if c == nil {
		return nil
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	timeout := time.NewTimer(childStop)
	defer timeout.Stop()
	select {
	case err := <-c.done:
		return err
	case <-timeout.C:
		_ = c.cmd.Process.Kill()
		return fmt.Errorf("a server of the measurement did not stop in time and was killed: %w", <-c.done)
	}
}

// profile begins or ends a CPU profile of the gateway.
func (c *child) profile(begin bool) {
	s := syscall.SIGUSR2
	if begin {
		s = syscall.SIGUSR1
	}
	_ = c.cmd.Process.Signal(s) // without a profile there is only the measurement
}
