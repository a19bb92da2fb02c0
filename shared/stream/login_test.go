package stream

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/wait"
)

func TestALoginThatIsRefusedIsNoNATSThatIsAway(t *testing.T) {
	synctest.Test(t, testALoginThatIsRefused)
}

func testALoginThatIsRefused(t *testing.T) {
	var log bytes.Buffer
	l := newLogins(slog.New(slog.NewTextHandler(&log, nil)), true)
	conn := &nats.Conn{}
	conn.Opts.Nkey = "UPUBLIC"
	for range 3 { // each second, until somebody fixes it
		l.failed(conn, fmt.Errorf("connect: %w", nats.ErrAuthorization))
		wait.Pause(t.Context(), time.Second)
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "%s", &log)
	require.Contains(t, log.String(), "NATS refuses the login with the seed in NATS_NKEY_FILE")
	require.Contains(t, log.String(), "public_half=UPUBLIC")
	require.NotContains(t, log.String(), "unavailable")
	wait.Pause(t.Context(), refusedAgain)
	l.failed(conn, nats.ErrAuthorization)
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("\n")), "it is logged again after a while")

	log.Reset()
	l = newLogins(l.log, false)
	l.refused(conn, nats.ErrAuthorization)
	require.Contains(t, log.String(), "NATS_NKEY_FILE is not set")

	log.Reset()
	l = newLogins(l.log, false)
	for range 3 {
		l.failed(conn, errors.New("connection refused"))
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("NATS is unavailable")), "%s", &log)
}
