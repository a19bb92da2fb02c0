package local_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/local/port"
)

func tools(t *testing.T) local.Tools {
	t.Helper()
	found, err := local.Ensure(t.Context(), t.Output())
	require.NoError(t, err)
	return found
}

func postgres(t *testing.T, adjust func(*local.PostgresConfig)) *local.Postgres {
	t.Helper()
	cfg := local.PostgresConfig{Tools: tools(t), Dir: closedDir(t), Progress: t.Output()}
	if adjust != nil {
		adjust(&cfg)
	}
	p, err := local.StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.Stop(context.Background()))
		require.NoError(t, p.Remove())
	})
	return p
}

func TestToolsAreFoundByManyAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			found, err := local.Ensure(t.Context(), nil)
			if err != nil || found.Postgres == "" || found.Redis == "" {
				t.Errorf("Ensure: %+v, %v", found, err)
			}
		})
	}
	all.Wait()
}

func TestACommittedRowSurvivesAKilledPostgres(t *testing.T) {
	for name, durable := range map[string]bool{"durable": true, "for tests": false} {
		t.Run(name, func(t *testing.T) {
			p := postgres(t, func(cfg *local.PostgresConfig) { cfg.Durable = durable })
			port, pid := p.Port(), p.Pid()
			conn, err := connect(t, p.AdminURL("postgres"))
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 1")
			require.NoError(t, err)
			require.NoError(t, p.Kill())
			require.True(t, gone(pid))
			<-p.Done()
			require.NoError(t, p.Restart(t.Context()))
			require.Equal(t, port, p.Port())
			require.NotEqual(t, pid, p.Pid())
			require.Equal(t, "1", query(t, p, "SELECT count(*)::text FROM kept"))
		})
	}
}

func TestPostgresAsksForItsPassword(t *testing.T) {
	p := postgres(t, nil)
	_, err := connect(t, p.URL("postgres", "a guess", "postgres"))
	require.ErrorContains(t, err, "password authentication failed")
}

func TestATakenPortIsNamedWithItsVariable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	want := "port " + strconv.Itoa(port) + " for Postgres on 127.0.0.1 is in use by another program; set POSTGRES_PORT"
	_, err = local.StartPostgres(t.Context(), local.PostgresConfig{Tools: tools(t), Dir: closedDir(t), Port: port, PortVar: "POSTGRES_PORT"})
	require.ErrorContains(t, err, want)
	_, err = local.StartRedis(t.Context(), local.RedisConfig{Tools: tools(t), Dir: closedDir(t), Port: port, PortVar: "REDIS_PORT"})
	require.ErrorContains(t, err, "set REDIS_PORT")
	_, err = local.StartNATS(t.Context(), local.NATSConfig{Dir: closedDir(t), Port: port, PortVar: "NATS_PORT"})
	require.ErrorContains(t, err, "set NATS_PORT")
	_, err = local.StartChain(t.Context(), local.ChainConfig{Dir: closedDir(t), Port: port, PortVar: "CHAIN_PORT"})
	require.ErrorContains(t, err, "set CHAIN_PORT")
}

func TestAWrongSettingIsQuotedFromTheLog(t *testing.T) {
	cfg := local.PostgresConfig{Tools: tools(t), Dir: closedDir(t), Settings: map[string]string{"shared_buffers": "a lot"}}
	_, err := local.StartPostgres(t.Context(), cfg)
	require.ErrorContains(t, err, `invalid value for parameter "shared_buffers": "a lot"`)
	_, err = local.StartRedis(t.Context(), local.RedisConfig{Tools: tools(t), Dir: closedDir(t), Settings: map[string]string{"no-such": "1"}})
	require.ErrorContains(t, err, "no-such")
}

func TestADirectoryServesOneProcessAtATime(t *testing.T) {
	var dir string
	p := postgres(t, func(cfg *local.PostgresConfig) { dir = cfg.Dir })
	_, err := local.StartPostgres(t.Context(), local.PostgresConfig{Tools: tools(t), Dir: dir})
	require.ErrorContains(t, err, "already running as process "+strconv.Itoa(os.Getpid()))
	require.Equal(t, "1", query(t, p, "SELECT '1'"), "the first is unharmed")
}

func TestACancelledStartLeavesNothingRunning(t *testing.T) {
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, 700 * time.Millisecond} {
		dir := closedDir(t)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		p, err := local.StartPostgres(ctx, local.PostgresConfig{Tools: tools(t), Dir: dir})
		cancel()
		if err == nil { // it was quicker
			require.NoError(t, p.Stop(t.Context()))
			continue
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, workingBelow(t, dir))

		p, err = local.StartPostgres(t.Context(), local.PostgresConfig{Tools: tools(t), Dir: dir})
		require.NoError(t, err, "the next start is not harmed")
		require.NoError(t, p.Stop(t.Context()))
	}
}

func TestAnOrphanedPostgresIsReplaced(t *testing.T) {
	var cfg local.PostgresConfig
	p := postgres(t, func(c *local.PostgresConfig) { c.Port = freePort(t); cfg = *c })
	query(t, p, "SELECT '1'")
	require.NoError(t, p.Stop(t.Context()))

	// Somebody runs it by hand, on the same port.
	data := filepath.Join(cfg.Dir, "data")
	info, err := os.Stat(data)
	require.NoError(t, err)
	orphan := exec.Command(filepath.Join(cfg.Tools.Postgres, "postgres"), "-D", data,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "port="+strconv.Itoa(cfg.Port))
	orphan.Dir = "/"
	if os.Geteuid() == 0 {
		stat := info.Sys().(*syscall.Stat_t)
		orphan.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}, AmbientCaps: []uintptr{2}}
	}
	require.NoError(t, orphan.Start())
	ended := make(chan struct{})
	go func() {
		_ = orphan.Wait()
		close(ended)
	}()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(cfg.Port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)

	second, err := local.StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	<-ended
	require.NotEqual(t, orphan.Process.Pid, second.Pid())
	require.NoError(t, second.Stop(t.Context()))
}

func freePort(t *testing.T) int {
	t.Helper()
	reserved, err := port.Reserve()
	require.NoError(t, err)
	t.Cleanup(reserved.Release)
	return reserved.Number()
}

// workingBelow lists the processes whose working directory lies below dir.
func workingBelow(t *testing.T, dir string) (pids []string) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	for _, link := range found {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir) {
			pids = append(pids, link)
		}
	}
	return pids
}
