package composetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// containers is where HAProxy's files are in its container.
const containers = "/usr/local/etc/haproxy/"

// soon is a limit for what takes milliseconds when the machine is not busy.
const soon = 30 * time.Second

// haproxyHere is an HAProxy and what it runs with: the system's or, fetched once into the user's cache and not installed, the
// distribution's. The image's own release cannot be had so: what is tried here holds from Debian's 2.6 to the 3.2 of the image.
func haproxyHere(t *testing.T) (program string, environ []string) {
	t.Helper()
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, os.Environ()
		}
	}
	caches, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(caches, "tillseal", "haproxy")
	program = filepath.Join(dir, "usr/sbin/haproxy")
	if _, err := os.Stat(program); err != nil {
		fetch(t, dir)
	}
	libraries, err := filepath.Glob(filepath.Join(dir, "usr/lib/*-linux-gnu"))
	require.NoError(t, err)
	return program, append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
}

// fetch unpacks Debian's haproxy, with what it needs and this machine lacks, as dir. It takes no root.
func fetch(t *testing.T, dir string) {
	t.Helper()
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no haproxy here, and no %s to fetch one with: its configuration was not tried", tool)
		}
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o750))
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch") //nolint:usetesting // beside dir, to be renamed to it
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(work) }()
	for _, sub := range []string{"apt/archives/partial", "lists/partial", "haproxy"} {
		require.NoError(t, os.MkdirAll(filepath.Join(work, sub), 0o750))
	}
	apt := func(args ...string) ([]byte, error) {
		args = append([]string{"-q", "-y", "-o", "Debug::NoLocking=true", "-o", "Dir::Cache=" + filepath.Join(work, "apt")}, args...)
		return exec.CommandContext(t.Context(), "apt-get", args...).CombinedOutput()
	}
	download := []string{"install", "--download-only", "--no-install-recommends", "haproxy"}
	if _, err := apt(download...); err != nil { // the lists are missing or out of date, and may be another's to write
		own := []string{"-o", "Dir::State::lists=" + filepath.Join(work, "lists")}
		out, err := apt(append(own, "update")...)
		require.NoError(t, err, "%s", out)
		out, err = apt(append(own, download...)...)
		require.NoError(t, err, "%s", out)
	}
	packages, err := filepath.Glob(filepath.Join(work, "apt/archives/*.deb"))
	require.NoError(t, err)
	for _, file := range packages {
		out, err := exec.CommandContext(t.Context(), "dpkg-deb", "-x", file, filepath.Join(work, "haproxy")).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	if err := os.Rename(filepath.Join(work, "haproxy"), dir); err != nil {
		require.FileExists(t, filepath.Join(dir, "usr/sbin/haproxy"), "another process was here first: %v", err)
	}
}

// balance starts a real HAProxy with the configuration of the containers before two gateways, and returns where tills come. Other
// than there are only the addresses, the time between checks, and what else is to be replaced.
func balance(t *testing.T, one, two *standIn, inFront string, replace ...string) string {
	t.Helper()
	program, environ := haproxyHere(t)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	dir, err := filepath.Abs(filepath.Join(root, "infra/docker"))
	require.NoError(t, err)
	text := strings.NewReplacer(replace...).Replace(read(t, "infra/docker/haproxy.cfg"))
	for _, pair := range [][2]string{
		{"gateway-1:8080", one.addr},
		{"gateway-2:8080", two.addr},
		{"bind :8080", "bind fd@3"},
		{"bind 127.0.0.1:8405", "bind fd@4"},
	} {
		require.Contains(t, text, pair[0])
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	text = strings.NewReplacer(containers, dir+"/", " inter 1s ", " inter "+between.String()+" ").Replace(text)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	environ = append(environ, "NETWORK_SUBNET="+inFront)

	tills, health := door(t), door(t)
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "-db", "-f", config)
	cmd.Env, cmd.ExtraFiles = environ, []*os.File{tills.file, health.file}
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = soon
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { // ends after the test's context has
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("haproxy: %s", log.String())
		}
	})
	return tills.addr
}

// openPort is an open port of this machine, as a file for another process to serve.
type openPort struct {
	addr string
	file *os.File
}

func door(t *testing.T) openPort {
	t.Helper()
	on, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	file, err := on.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, on.Close())
	t.Cleanup(func() { _ = file.Close() })
	return openPort{on.Addr().String(), file}
}

func TestHAProxyTakesItsConfiguration(t *testing.T) {
	program, environ := haproxyHere(t)
	dir, err := filepath.Abs(filepath.Join(root, "infra/docker"))
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := strings.ReplaceAll(read(t, "infra/docker/haproxy.cfg"), containers, dir+"/")
	text = regexp.MustCompile(` gateway-\d:`).ReplaceAllString(text, " 127.0.0.1:") // the containers' names are known among them alone
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	cmd := exec.CommandContext(t.Context(), program, "-c", "-f", config)
	cmd.Env = append(environ, "NETWORK_SUBNET="+elsewhere)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "[WARNING]")
}
