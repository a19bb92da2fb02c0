package reconcile

import (
	"context"
	_ "embed" // the statement
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tillseal/tillseal/services/ledger/internal/db"
)

//go:embed altered.sql
var alteredSQL string

// StreamAltered is the stream that ledger.parked names for a sale whose row was altered: it came from no stream.
const StreamAltered = "sales.sale"

const alteredReason = "altered: the sale's row no longer fits its sale_hash, so that it was changed behind the services' back; it is published by nobody"

// Sift parts sales that are to be published from those whose row was changed behind the services' back, with an alarm for each of
// these. It shows nothing of a row but the sale's id.
func Sift(log *slog.Logger, metrics *Metrics, sales []Again) (intact, altered []Again) {
	for _, s := range sales {
		if s.Intact() {
			intact = append(intact, s)
			continue
		}
		metrics.Altered.WithLabelValues(alteredSale).Inc()
		log.Error("ALARM: a sale's row no longer fits its sale_hash: it was changed behind the services' back and is not published", "sale_id", s.SaleID)
		altered = append(altered, s)
	}
	return intact, altered
}

type executor interface {
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
}

// ParkAltered parks altered sales, where operators see them and nothing publishes them.
func ParkAltered(ctx context.Context, tx executor, now time.Time, altered []Again) error {
	if len(altered) == 0 {
		return nil
	}
	ids, recorded := make([]string, 0, len(altered)), make([]int64, 0, len(altered))
	for _, s := range altered {
		ids, recorded = append(ids, s.SaleID), append(recorded, s.RecordedAtUs)
	}
	_, err := tx.Exec(ctx, alteredSQL, pgx.NamedArgs{"sale_ids": ids, "recorded": recorded, "stream": StreamAltered, "reason": alteredReason, "now": now})
	return db.Fault("park altered sales", err)
}
