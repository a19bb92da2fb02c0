package journal

import (
	"context"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/postgres"
)

// The two parts of announcing a batch_event, as anchor.announced has them.
const (
	AnnouncedBatch = "batch" // its own message
	AnnouncedSales = "sales" // the SaleAnchored of all its sales
)

// Announcement is a batch_event that is not announced in full.
type Announcement struct {
	Event          event.Batch
	BatchAnnounced bool // only the sales are left to announce
}

const announcementsAtOnce = 256

// Unannounced lists events to announce, oldest first, after the event low. salesState is the state whose event calls for
// the SaleAnchored.
func (j *Journal) Unannounced(ctx context.Context, deployment int64, salesState event.BatchState, low int64) ([]Announcement, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	rows, err := j.pool.Query(ctx, unannouncedSQL, pgx.NamedArgs{
		"deployment": deployment, "sales_state": string(salesState), "low": low, "most": announcementsAtOnce,
	})
	if err != nil {
		return nil, postgres.Fault("read what is to be announced", err)
	}
	announcements, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Announcement, error) {
		var a Announcement
		var err error
		a.Event, err = scanEvent(row, deployment, &a.BatchAnnounced)
		return a, err
	})
	return announcements, postgres.Fault("read what is to be announced", err)
}

// AnnouncedFloor is an event up to which all of the deployment's are announced, 0 if none is known.
func (j *Journal) AnnouncedFloor(ctx context.Context, deployment int64, salesState event.BatchState) (low int64, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, announcedFloorSQL, pgx.NamedArgs{"deployment": deployment, "sales_state": string(salesState)}).Scan(&low)
	return low, postgres.Fault("find what is announced", err)
}

func optionalHash(b []byte) *common.Hash {
	if b == nil {
		return nil
	}
	h := common.BytesToHash(b)
	return &h
}

func optionalUint(text *string) (*uint64, error) {
	if text == nil {
		return nil, nil
	}
	n, err := strconv.ParseUint(*text, 10, 64)
	return &n, err
}

// Stands reports whether no reorg has undone the event since.
func (j *Journal) Stands(ctx context.Context, e event.Batch) (stands bool, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, stillLatestSQL, pgx.NamedArgs{"deployment": e.Deployment, "batch_id": e.BatchID, "event_id": e.Sequence}).Scan(&stands)
	return stands, postgres.Fault("check that a batch was not reorged", err)
}

// MarkAnnounced journals that a part of an event, AnnouncedBatch or AnnouncedSales, was published and acknowledged.
func (j *Journal) MarkAnnounced(ctx context.Context, epoch, eventID int64, what string) error {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	_, err := j.pool.Exec(ctx, insertAnnouncedSQL, pgx.NamedArgs{"event_id": eventID, "what": what, "epoch": epoch})
	return postgres.Fault("journal an announcement", err)
}
