package engine_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestKillNineOfEverythingLosesAndDoublesNothing(t *testing.T) {
	cfg := directory(t)
	var sold []answer
	for range 3 {
		program := start(t, cfg)
		s := &shop{t: t, e: &engine.Engine{GatewayURL: program.gateway}, till: program.till}
		sold = append(sold, s.sell(8)...) // killed while they are priced, batched, broadcast
		program.kill()
	}
	s := open(t, cfg)
	for _, a := range sold {
		s.requireReplayed(a)
		s.requireAnchored(a)
	}
	s.requireOnce(sold...)
}

// program is an engine in a process of its own.
type program struct {
	t       *testing.T
	cmd     *exec.Cmd
	gateway string
	till    engine.Terminal
}

func start(t *testing.T, cfg engine.Config) *program {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	port := testkit.FreePort(t)
	p := &program{t: t, cmd: exec.CommandContext(t.Context(), self), gateway: "http://127.0.0.1:" + strconv.Itoa(port)}
	ports := []string{"POSTGRES_PORT=0", "REDIS_PORT=0", "METRICS_PORT=0", "CHAIN_PORT=0", "NATS_PORT=" + strconv.Itoa(testkit.FreePort(t))}
	p.cmd.Env = append(append(os.Environ(), asProgram+"=1", "RUN_DIR="+cfg.Dir, "GATEWAY_ADDR=127.0.0.1:"+strconv.Itoa(port)), ports...)
	p.cmd.Stderr = t.Output()
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != readyLine {
		t.Log(lines.Text())
	}
	require.Equal(t, readyLine, lines.Text())
	go func() { _, _ = io.Copy(io.Discard, out) }()
	remote := &engine.Engine{
		GatewayURL: p.gateway, NATSURL: "nats://127.0.0.1:" + strings.TrimPrefix(ports[4], "NATS_PORT="), NKeyFile: filepath.Join(cfg.Dir, "nkeys/operator.nk"),
	}
	p.till, err = remote.AddTerminal(t.Context(), "s1", "t"+strconv.Itoa(port))
	require.NoError(t, err)
	return p
}

func (p *program) kill() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGKILL))
	require.Error(p.t, p.cmd.Wait())
}

func TestAnInterruptLeavesNoProcess(t *testing.T) {
	cfg := directory(t)
	p := start(t, cfg)
	children := processesNaming(t, cfg.Dir)
	require.NotEmpty(t, children, "Postgres at least names its directory")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.NoError(t, p.cmd.Wait(), "a clean stop")
	require.Empty(t, processesNaming(t, cfg.Dir))
}

// processesNaming lists processes with a text in their command line.
func processesNaming(t *testing.T, text string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, entry := range entries {
		line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err == nil && entry.Name() != "self" && strings.Contains(string(line), text) {
			found = append(found, entry.Name())
		}
	}
	return found
}
