package store

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

const soon = 2 * time.Minute // a limit for what takes milliseconds when the machine is not busy

// desk is a store as operators use it, and a session beside it.
type desk struct {
	*Store

	t       *testing.T
	gateway string    // the URL of the store's database
	beside  *pgx.Conn // as the gateway's role
	admin   *pgx.Conn
	hashes  byte
	moved   int // terminals that next moved, once it has ended
}

func open(t *testing.T) *desk {
	t.Helper()
	db := testkit.Database(t)
	s, err := Open(t.Context(), config.Secret(db.Gateway))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	login := func(url string) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		return conn
	}
	return &desk{Store: s, t: t, gateway: db.Gateway, beside: login(db.Gateway), admin: login(db.Admin)}
}

func (d *desk) exec(conn *pgx.Conn, statement string, args ...any) {
	d.t.Helper()
	_, err := conn.Exec(d.t.Context(), statement, args...)
	require.NoError(d.t, err)
}

// key is a new key's hash.
func (d *desk) key() [32]byte {
	d.hashes++
	return [32]byte{d.hashes}
}

// addTill adds a terminal of store s1 with a key of its own.
func (d *desk) addTill(id string) {
	d.t.Helper()
	key := d.key()
	testkit.Insist(d.t, "add terminal "+id, func() error { return d.AddTerminal(d.t.Context(), id, "s1", key) })
}

// next begins the next series and returns its error once it has ended.
func (d *desk) next() <-chan error {
	done := make(chan error, 1)
	go func() {
		_, moved, err := d.NextSeries(d.t.Context(), 0, "asha", "a test")
		d.moved = moved
		done <- err
	}()
	return done
}

// nextHeldBy is next, once it has waited for so long for a terminal's head: beside has it until it commits.
func (d *desk) nextHeldBy(terminalID string, long time.Duration) <-chan error {
	d.t.Helper()
	d.exec(d.beside, "BEGIN")
	d.exec(d.beside, headsLockSQL, []string{terminalID})
	done := d.next()
	d.waits(long, done)
	return done
}

// waits returns once the gateway has waited for a lock for so long, or done has what it waits for.
func (d *desk) waits(long time.Duration, done <-chan error) {
	d.t.Helper()
	testkit.Eventually(d.t, soon, "it waits for a lock", func() error {
		var waiting bool
		err := d.admin.QueryRow(d.t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
			AND wait_event_type = 'Lock' AND clock_timestamp() - query_start >= $1::interval)`, long).Scan(&waiting)
		if err == nil && !waiting && len(done) == 0 {
			err = errors.New("it does not yet")
		}
		return err
	})
}

// TestASeriesBeginsAlthoughItTakesLongerThanATillCanWait holds the lock of one terminal for longer than a group may wait for one.
func TestASeriesBeginsAlthoughItTakesLongerThanATillCanWait(t *testing.T) {
	d := open(t)
	d.addTill("t1")
	done := d.nextHeldBy("t1", 2*readTimeout)
	d.exec(d.beside, "COMMIT")
	require.NoError(t, <-done)
	var limit string
	require.NoError(t, d.pool.QueryRow(t.Context(), "SHOW statement_timeout").Scan(&limit))
	require.Equal(t, "350ms", limit, "tills' limits are what they were")
}

// series is the one that a terminal is in.
func (d *desk) series(terminalID string) (series int64) {
	d.t.Helper()
	require.NoError(d.t, d.admin.QueryRow(d.t.Context(), "SELECT series FROM sales.terminal_head WHERE terminal_id = $1", terminalID).Scan(&series))
	return series
}

func TestATerminalThatIsBeingAddedGoesOnInTheSeriesThatBegins(t *testing.T) {
	d := open(t)
	key := d.key()
	d.exec(d.beside, "BEGIN")
	d.exec(d.beside, terminalAddSQL, "t1", "s1", key[:])
	done := d.next()
	d.waits(0, done)
	d.exec(d.beside, "COMMIT")
	require.NoError(t, <-done)
	require.Equal(t, int64(2), d.series("t1"))
	require.Equal(t, int64(2), d.series("operator"))
	require.Equal(t, 2, d.moved, "it was locked like any other: no record of it comes between")
}

// TestATerminalThatIsAddedWhileASeriesBeginsIsInIt holds the last lock that the series needs: it has the first ones by then.
func TestATerminalThatIsAddedWhileASeriesBeginsIsInIt(t *testing.T) {
	d := open(t)
	d.addTill("z1")
	done := d.nextHeldBy("z1", 0)
	key := d.key()
	err := d.AddTerminal(t.Context(), "t1", "s1", key)
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
	d.exec(d.beside, "COMMIT")
	require.NoError(t, <-done)
	require.NoError(t, d.AddTerminal(t.Context(), "t1", "s1", key))
	require.Equal(t, int64(2), d.series("t1"))
	require.True(t, fault.Is(d.AddTerminal(t.Context(), "t1", "s1", d.key()), fault.Conflict))
}

// TestAClosingIsNotStoredInASeriesThatEnds holds the last lock that the series needs, as above.
func TestAClosingIsNotStoredInASeriesThatEnds(t *testing.T) {
	d := open(t)
	d.addTill("t1")
	d.addTill("z1")
	closing := &Closing{Chain: "t1", Number: 1, StoreID: "s1", Under: KeyOf{TerminalID: "t1"}, From: 1, To: 0, Body: []byte("{}")}
	done := d.nextHeldBy("z1", 0)
	_, err := d.AddClosing(t.Context(), closing)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	d.exec(d.beside, "COMMIT")
	require.NoError(t, <-done)
	added, err := d.AddClosing(t.Context(), closing)
	require.NoError(t, err)
	require.False(t, added)

	d.exec(d.beside, "BEGIN")
	d.exec(d.beside, headsLockSQL, []string{"t1"})
	closing.Chain = "t1~2"
	added, err = d.AddClosing(t.Context(), closing)
	require.NoError(t, err)
	require.True(t, added, "no record waits for a closing, nor it for a record")
}
