package operate

import (
	"context"
	_ "embed" // the statements
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/ledger/internal/republish"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed sql/replay.sql
var replaySQL string

//go:embed sql/reannounce.sql
var reannounceSQL string

//go:embed sql/discard.sql
var discardSQL string

const maxReplayed = 500 // sales of one request

type replayRequest struct {
	SaleID   string `json:"sale_id"`
	Currency string `json:"currency"`
	decider
}

type replayAnswer struct {
	Replayed int `json:"replayed"`
	Altered  int `json:"altered,omitempty"`   // parked again instead, since their rows were changed
	TooLarge int `json:"too_large,omitempty"` // or since NATS takes no message of their size
}

func (r replayRequest) args() (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{
		"sale_id": nil, "currency": r.Currency, "rows": maxReplayed, "row": republish.StreamRow, "operator": r.Operator,
		"reason": r.Reason,
	}
	id, idErr := uuid.Parse(r.SaleID)
	_, currencyErr := money.ParseRecorded(r.Currency)
	switch {
	case (r.SaleID == "") == (r.Currency == ""):
		return nil, fault.New(fault.Invalid, "either sale_id or currency must be given")
	case r.SaleID != "" && idErr != nil:
		return nil, fault.New(fault.Invalid, "sale_id is not a UUID")
	case r.SaleID != "":
		args["sale_id"] = id.String()
	case currencyErr != nil:
		return nil, fault.New(fault.Invalid, "currency: %w", currencyErr)
	}
	return args, r.check()
}

// replay first writes the release and its repair, and then publishes: what it could not publish the reconciler publishes, for which a
// released sale without a leaf is a lost one.
func (d *Desk) replay(ctx context.Context, req replayRequest) (replayAnswer, error) {
	args, err := req.args()
	if err != nil {
		return replayAnswer{}, err
	}
	args["now"], args["repair_after"] = time.Now(), d.RepairAfter
	sales, refused, err := d.release(ctx, args)
	if err != nil {
		return replayAnswer{}, err
	}
	if len(sales)+refused.Altered+refused.TooLarge == 0 && req.SaleID != "" {
		return d.reannounce(ctx, args)
	}
	if err := d.Publisher.Publish(ctx, sales); err != nil {
		return replayAnswer{}, err
	}
	if len(sales) > 0 {
		d.Log.Info("parked sales were published again", "sales", len(sales), "sale_id", req.SaleID, "currency", req.Currency, "operator", req.Operator)
	}
	return replayAnswer{Replayed: len(sales), Altered: refused.Altered, TooLarge: refused.TooLarge}, nil
}

// release writes that sales are released, and returns them. One that can't be published is not released: requested by its id, it is refused;
// among others, it is parked again.
func (d *Desk) release(ctx context.Context, args pgx.NamedArgs) (intact []republish.Sale, refused republish.Refused, err error) {
	err = pgx.BeginFunc(ctx, d.Pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, replaySQL, args)
		if err != nil {
			return err
		}
		sales, err := pgx.CollectRows(rows, pgx.RowToStructByName[republish.Sale])
		if err != nil {
			return err
		}
		intact, refused, err = d.Publisher.Sift(ctx, tx, time.Now(), sales)
		if err == nil && refused.Reason != "" && args["sale_id"] != nil {
			err = fault.New(fault.Conflict, "%s", refused.Reason)
		}
		return err
	})
	if err != nil {
		return nil, refused, postgres.Fault("release parked sales", err)
	}
	return intact, refused, nil
}

// reannounce releases a SaleAnchored that the ledger itself had parked; the reconciler asks the anchor to announce its batch again.
func (d *Desk) reannounce(ctx context.Context, args pgx.NamedArgs) (answer replayAnswer, err error) {
	args["stream"] = stream.SalesAnchored
	if err := d.Pool.QueryRow(ctx, reannounceSQL, args).Scan(&answer.Replayed); err != nil {
		return answer, postgres.Fault("release a parked SaleAnchored", err)
	}
	if answer.Replayed == 0 {
		return answer, fault.New(fault.Conflict, "this sale is not parked, or it already has a leaf, and its SaleAnchored is not parked either")
	}
	d.Log.Info("a parked SaleAnchored will be announced again", "sale_id", args["sale_id"], "operator", args["operator"])
	return answer, nil
}

type discardRequest struct {
	which
	decider
}

type discardAnswer struct {
	Discarded int `json:"discarded"`
}

// discard writes the decision down; the sale stays committed, is never anchored, and stays reported as discarded.
func (d *Desk) discard(ctx context.Context, req discardRequest) (answer discardAnswer, err error) {
	args, err := req.args()
	if err != nil {
		return answer, err
	}
	switch {
	case strings.TrimSpace(req.Operator) == "":
		return answer, fault.New(fault.Invalid, "operator is missing: say who gives it up")
	case strings.TrimSpace(req.Reason) == "":
		return answer, fault.New(fault.Invalid, "reason is missing: say why it is given up")
	}
	if err := req.check(); err != nil {
		return answer, err
	}
	args["operator"], args["reason"] = req.Operator, req.Reason
	if err := d.Pool.QueryRow(ctx, discardSQL, args).Scan(&answer.Discarded); err != nil {
		return answer, postgres.Fault("discard parked messages", err)
	}
	if answer.Discarded == 0 {
		return answer, fault.New(fault.Conflict, "no parked message has this sale_id, or this service, stream and sequence")
	}
	d.Log.Warn("a parked message was discarded", "sale_id", req.SaleID, "parked_by", req.Service, "stream", req.Stream,
		"sequence", req.Sequence, "operator", req.Operator)
	return answer, nil
}
