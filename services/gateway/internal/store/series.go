package store

import (
	"context"
	_ "embed" // the statements
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/fault"
)

var (
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
// not higher than the present one is a Conflict.
func (s *Store) NextSeries(ctx context.Context, series int64, operator, reason string) (begun int64, terminals int, err error) {
	ctx, cancel, err := s.awake(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer cancel()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
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
	return begun, terminals, kinds.Fault("begin a series", err)
}
