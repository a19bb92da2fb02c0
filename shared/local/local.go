// Package local runs real servers that are private to one directory: Postgres and Redis as children of this process,
// NATS JetStream and a go-ethereum development chain inside it, all on loopback. The developer's launcher keeps their
// data between starts; tests throw it away. A server never outlives its process, even one that is killed outright.
// Linux only: the children hang on its parent-death signal.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/local/port"
)

const (
	loopback = "127.0.0.1"

	// startLimit bounds how long a server may take until its first answer: crash recovery of a developer's database
	// takes seconds, a minute means that something else is wrong.
	startLimit = time.Minute
	// stopLimit bounds an orderly stop when the caller's context sets no deadline; what remains is killed.
	stopLimit = 30 * time.Second
	// killLimit bounds the wait for killed processes to be gone; the kernel needs milliseconds.
	killLimit = 10 * time.Second
	// pollEvery is the interval of every wait in this package.
	pollEvery = 20 * time.Millisecond
	// privateFile is the mode of passwords, and of whatever holds one.
	privateFile = 0o600
	// secretBytes is the entropy of generated passwords.
	secretBytes = 24
)

// report writes one progress line; progress is a courtesy, so a failing writer is ignored.
func report(w io.Writer, format string, args ...any) {
	if w != nil {
		_, _ = fmt.Fprintf(w, format+"\n", args...)
	}
}

// listenOn opens a port on host; port 0 is a free one. The error about a port in use names the variable that sets it.
func listenOn(host, server string, port int, portVar string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // an address of this machine, immediate
	if err == nil {
		return l, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen for %s: %w", server, err)
	}
	if portVar == "" {
		return nil, fmt.Errorf("port %d for %s on %s is in use by another program: %w", port, server, host, err)
	}
	return nil, fmt.Errorf("port %d for %s on %s is in use by another program; set %s to a free port: %w", port, server, host, portVar, err)
}

// claim is the port of a server that listens itself: the requested one, if it is free, or a reserved one. The server keeps it over its
// stops, so that it can start again on the same port.
type claim struct {
	number   int
	reserved *port.Port // nil: it was asked for by number
}

func claimPort(server string, number int, portVar string) (claim, error) {
	if number == 0 {
		reserved, err := port.Reserve()
		if err != nil {
			return claim{}, fmt.Errorf("find a port for %s: %w", server, err)
		}
		return claim{number: reserved.Number(), reserved: reserved}, nil
	}
	l, err := listenOn(loopback, server, number, portVar)
	if err != nil {
		return claim{}, err
	}
	return claim{number: number}, l.Close()
}

// startOnPort claims the port of a server that listens itself into kept, and starts the server there.
func startOnPort(ctx context.Context, server string, number int, portVar string, kept *claim, start func(context.Context) error) error {
	port, err := claimPort(server, number, portVar)
	if err != nil {
		return err
	}
	*kept = port
	return start(ctx)
}

func (c claim) address() string { return address(c.number) }

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// dirLock gives this process a directory exclusively; the kernel drops the lock when the process ends, however it ends.
type dirLock struct {
	server, dir string
	file        *os.File // nil: not held
}

// lockDir creates dir (private) when it is missing and locks it; the error names the process that holds it.
func lockDir(server, dir string) (*dirLock, error) {
	if dir == "" {
		return nil, fmt.Errorf("%s needs a directory for its data", server)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of %s: %w", server, err)
	}
	l := &dirLock{server: server, dir: dir}
	return l, l.hold()
}

// hold locks the directory if it is not held yet.
func (l *dirLock) hold() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(l.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock of %s: %w", l.server, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("%s in %s is already running as process %s", l.server, l.dir, holder)
		}
		return fmt.Errorf("lock the directory of %s: %w", l.server, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	l.file = f
	return nil
}

// release is a no-op on a lock that is not held.
func (l *dirLock) release() {
	if l != nil && l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

// secret reads the password kept at path, or makes and keeps one, readable by this user only.
func secret(path string) (string, error) {
	kept, err := os.ReadFile(path)
	if err == nil && len(kept) > 0 {
		return string(kept), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the password kept in %s: %w", path, err)
	}
	raw := make([]byte, secretBytes)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("make a password: %w", err)
	}
	made := fmt.Sprintf("%x", raw)
	if err := durable.WriteFile(path, []byte(made), privateFile); err != nil {
		return "", err
	}
	return made, nil
}

// bounded gives ctx a deadline of limit when it has none.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}
