// Package parked shows operators what the services gave up, and lets a sale go through again once its reason is gone.
package parked

import (
	"context"
	_ "embed" // the statements
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/services/ledger/internal/db"
	"github.com/tillseal/tillseal/services/ledger/internal/reconcile"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed list.sql
var listSQL string

//go:embed replay.sql
var replaySQL string

// Desk answers operators.
type Desk struct {
	Pool *pgxpool.Pool
	Bus  *stream.Bus
	Log  *slog.Logger
}

const (
	maxListed   = 500 // rows of one answer, well below a message's size
	maxReplayed = 500 // sales of one request
)

type listRequest struct {
	Service  string `json:"service"`
	Currency string `json:"currency"`
	Limit    int    `json:"limit"`
}

type entry struct {
	Service  string  `json:"service"`
	Stream   string  `json:"stream"`
	Sequence int64   `json:"sequence"`
	Reason   string  `json:"reason"`
	SaleID   *string `json:"sale_id,omitempty"`
	Currency *string `json:"currency,omitempty"` // absent when no committed sale has the id
	At       string  `json:"at"`
	Total    int64   `json:"-"`
}

type listAnswer struct {
	Total  int64   `json:"total"`
	Parked []entry `json:"parked"`
}

type replayRequest struct {
	SaleID   string `json:"sale_id"`
	Currency string `json:"currency"`
}

type replayAnswer struct {
	Replayed int `json:"replayed"`
}

// Endpoints are the desk's requests.
func (d *Desk) Endpoints() []stream.Endpoint {
	return []stream.Endpoint{
		stream.Answers(stream.Endpoint{
			Subject: "ops.ledger.parked.list", Description: "what is parked still, the oldest first; all members are optional",
			Request: `{"service":"pricing","currency":"EUR","limit":100}`,
			Response: `{"total":1,"parked":[{"service":"pricing","stream":"SALES_RECORDED","sequence":7,"reason":"no tier has a rate for EUR",` +
				`"sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001","currency":"EUR","at":"2026-11-22T04:45:31.000000Z"}]}`,
		}, d.list),
		stream.Answers(stream.Endpoint{
			Subject:     "ops.ledger.parked.replay",
			Description: "send a parked sale through the pipeline again, or up to 500 of a currency, the oldest first: ask again until none is replayed",
			Request:     `{"sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001"} or {"currency":"EUR"}`, Response: `{"replayed":1}`,
		}, d.replay),
	}
}

func (d *Desk) list(ctx context.Context, req listRequest) (listAnswer, error) {
	if req.Limit < 0 || req.Limit > maxListed {
		return listAnswer{}, fault.New(fault.Invalid, "limit must be between 1 and %d", maxListed)
	}
	if req.Limit == 0 {
		req.Limit = maxListed
	}
	rows, err := d.Pool.Query(ctx, listSQL, pgx.NamedArgs{"service": req.Service, "currency": req.Currency, "rows": req.Limit})
	if err != nil {
		return listAnswer{}, db.Fault("list what is parked", err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByName[entry])
	if err != nil {
		return listAnswer{}, db.Fault("list what is parked", err)
	}
	answer := listAnswer{Parked: append([]entry{}, entries...)}
	if len(entries) > 0 {
		answer.Total = entries[0].Total
	}
	return answer, nil
}

// replay writes the release first and publishes then: what was not published is found by the reconciler, for which a released
// sale without a leaf is a lost one.
func (d *Desk) replay(ctx context.Context, req replayRequest) (replayAnswer, error) {
	args := pgx.NamedArgs{"sale_id": nil, "currency": req.Currency, "rows": maxReplayed}
	id, idErr := uuid.Parse(req.SaleID)
	_, currencyErr := money.ParseCurrency(req.Currency)
	switch {
	case (req.SaleID == "") == (req.Currency == ""):
		return replayAnswer{}, fault.New(fault.Invalid, "either sale_id or currency must be given")
	case req.SaleID != "" && idErr != nil:
		return replayAnswer{}, fault.New(fault.Invalid, "sale_id is not a UUID")
	case req.SaleID != "":
		args["sale_id"] = id.String()
	case currencyErr != nil:
		return replayAnswer{}, fault.New(fault.Invalid, "currency: %w", currencyErr)
	}
	rows, err := d.Pool.Query(ctx, replaySQL, args)
	if err != nil {
		return replayAnswer{}, db.Fault("release parked sales", err)
	}
	sales, err := pgx.CollectRows(rows, pgx.RowToStructByName[reconcile.Sale])
	if err != nil {
		return replayAnswer{}, db.Fault("release parked sales", err)
	}
	if len(sales) == 0 && req.SaleID != "" {
		return replayAnswer{}, fault.New(fault.Conflict, "no committed sale with this id is parked and without a leaf")
	}
	if err := d.publish(ctx, sales); err != nil {
		return replayAnswer{}, err
	}
	if len(sales) > 0 {
		d.Log.Info("parked sales are sent again", "sales", len(sales), "sale_id", req.SaleID, "currency", req.Currency)
	}
	return replayAnswer{Replayed: len(sales)}, nil
}

func (d *Desk) publish(ctx context.Context, sales []reconcile.Sale) error {
	generation := int(time.Now().UnixMilli()) // fresh for ever: the dedupe window would swallow a repeated one
	msgs := make([]*nats.Msg, 0, len(sales))
	for _, s := range sales {
		e, err := s.Recorded()
		if err != nil {
			d.Log.Error("a replayed sale goes without its lines", "sale_id", s.SaleID)
		}
		msgs = append(msgs, event.Recorded(e, "ledger", generation, ""))
	}
	return d.Bus.PublishAll(ctx, msgs)
}
