package store

import (
	"context"
	_ "embed" // the statements
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Limits of beginning a series, which moves every terminal at once: tens of thousands of them take seconds, and tills are refused meanwhile.
const (
	SeriesTimeout = 30 * time.Second // for all of it, and for each statement
	seriesLock    = 5 * time.Second  // for one terminal's lock: longer than any group holds it
)

var (
	//go:embed sql/series_limits.sql
	seriesLimitsSQL string
	//go:embed sql/series_gate.sql
	seriesGateSQL string
	//go:embed sql/series_lock.sql
	seriesLockSQL string
	//go:embed sql/series_add.sql
	seriesAddSQL string
	//go:embed sql/series_end.sql
	seriesEndSQL string
	//go:embed sql/series_begin.sql
	seriesBeginSQL string
)

var errOldSeries = fault.New(fault.Conflict, "this series, or a later one, has begun already: name a higher one, or none for the next")

// NextSeries begins a series at every terminal, the next one when series is 0, and returns it with the number of terminals. A series that is
// not higher than the present one is a Conflict. Tills' limits are not its own: it ends within SeriesTimeout.
func (s *Store) NextSeries(ctx context.Context, series int64, operator, reason string) (begun int64, terminals int, err error) {
	if err := s.Ping(ctx); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, SeriesTimeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, seriesLimitsSQL, milliseconds(seriesLock), milliseconds(SeriesTimeout)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, seriesGateSQL); err != nil {
			return err
		}
		locked, err := tx.Exec(ctx, seriesLockSQL)
		if err != nil {
			return err
		}
		terminals = int(locked.RowsAffected())
		if err := tx.QueryRow(ctx, seriesAddSQL, series, operator, reason).Scan(&begun); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return errOldSeries
			}
			return err
		}
		if _, err := tx.Exec(ctx, seriesEndSQL); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, seriesBeginSQL, begun)
		return err
	})
	if fault.Has(err) { // said in full by whoever refused it
		return 0, 0, err
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" {
		return 0, 0, fault.New(fault.Transient, "no series was begun: something else held a terminal's head, which records and new terminals lock, for %s: "+
			"look at pg_locks, and try again", seriesLock)
	}
	return begun, terminals, postgres.Fault("begin a series", err)
}

// milliseconds is how Postgres takes a time without a unit.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
