package stream

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestALoginThatIsRefusedIsNoNATSThatIsAway(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	l := &logins{log: slog.New(slog.NewTextHandler(&log, nil)), seed: true, now: func() time.Time { return now }}
	conn := &nats.Conn{}
	conn.Opts.Nkey = "UPUBLIC"
	for range 3 { // each second, for as long as nobody mends it
		l.failed(conn, fmt.Errorf("connect: %w", nats.ErrAuthorization))
		now = now.Add(time.Second)
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "%s", &log)
	require.Contains(t, log.String(), "NATS refuses the login with the seed in NATS_NKEY_FILE")
	require.Contains(t, log.String(), "public_half=UPUBLIC")
	require.NotContains(t, log.String(), "away")
	now = now.Add(refusedAgain)
	l.failed(conn, nats.ErrAuthorization)
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("\n")), "it is said again after a while")

	log.Reset()
	l = &logins{log: l.log, now: l.now}
	l.refused(conn, nats.ErrAuthorization)
	require.Contains(t, log.String(), "NATS_NKEY_FILE is not set")

	log.Reset()
	l = &logins{log: l.log, now: l.now}
	for range 3 {
		l.failed(conn, errors.New("connection refused"))
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("NATS is away")), "%s", &log)
}
