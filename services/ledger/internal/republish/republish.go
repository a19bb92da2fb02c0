// Package republish publishes committed sales and closings again, for the reconciler, which found them lost, or for an operator who replays
// what was parked. A sale whose row was changed behind the services' back is parked instead, and one that NATS takes from nobody.
package republish

import (
	"context"
	_ "embed" // the statement
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// Sale is a committed sale's row that is to be published for the Generation-th time, counted from 1 for the first repair; the
// Nats-Msg-Id contains it.
type Sale struct {
	SaleID, Kind, RefundOf, StoreID, TerminalID, CustomerID, Currency, Total string
	RecordNumber, PointsDelta, PointsBalance, PurchaseNumber                 int64
	PointsEarned, PointsRedeemed                                             int64
	PreviousHash                                                             []byte
	RecordedAtUs                                                             int64
	SaleHash, Request, Salt                                                  []byte
	Promise                                                                  string
	Generation                                                               int
}

func (s Sale) row() *intact.Row {
	return &intact.Row{
		Facts: s.facts(), Earned: s.PointsEarned, Redeemed: s.PointsRedeemed, Request: s.Request, Salt: s.Salt, SaleHash: s.SaleHash, Promise: s.Promise,
	}
}

func (s Sale) facts() sale.Sale {
	return sale.Sale{
		SaleID: s.SaleID, Kind: sale.Kind(s.Kind), RefundOf: s.RefundOf, StoreID: s.StoreID, TerminalID: s.TerminalID,
		RecordNumber: uint64(s.RecordNumber), PreviousHash: common.BytesToHash(s.PreviousHash), CustomerID: s.CustomerID,
		Currency: s.Currency, Total: s.Total, PointsDelta: s.PointsDelta, PointsBalance: s.PointsBalance, PurchaseNumber: uint64(s.PurchaseNumber),
		RecordedAt: uint64(s.RecordedAtUs),
	}
}

// StreamRow is what ledger.parked has as the stream of a sale whose row can't be published, since that came from no stream.
const StreamRow = "sales.sale"

const (
	alteredReason  = "altered: the sale's row no longer matches its sale_hash or its promise: it was changed behind the services' back, and is not published"
	tooLargeReason = "too large for NATS, whose max_payload must be raised before the sale is replayed: "
)

//go:embed sql/park.sql
var parkSQL string

// Publisher publishes sales and closings again. It is safe for concurrent use.
type Publisher struct {
	bus   *stream.Bus
	log   *slog.Logger
	ring  *intact.Keyring
	alarm *intact.Alarm
}

// New makes a publisher.
func New(bus *stream.Bus, ring *intact.Keyring, alarm *intact.Alarm, log *slog.Logger) *Publisher {
	return &Publisher{bus: bus, log: log, ring: ring, alarm: alarm}
}

// Executor is a session or a transaction on it.
type Executor interface {
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
}

// Refused are the sales that Sift has parked.
type Refused struct {
	Altered, TooLarge int
	Reason            string // of the last one
}

// Sift returns the sales that may be published. Those whose row no longer matches its hash, and those that NATS takes from nobody for their
// size, it parks on db, where operators see them and nothing publishes them, with an alarm for each that shows nothing of the row but the
// sale's id.
func (p *Publisher) Sift(ctx context.Context, db Executor, now time.Time, sales []Sale) (sound []Sale, refused Refused, err error) {
	var (
		ids, reasons []string
		recorded     []int64
	)
	rows := make([]*intact.Row, len(sales))
	for i, s := range sales {
		rows[i] = s.row()
	}
	wrong, err := p.ring.Check(ctx, rows...)
	if err != nil {
		return nil, Refused{}, err
	}
	for i, s := range sales {
		var tooLarge error
		if wrong[i] == nil {
			tooLarge = p.bus.Fits(p.message(s))
		}
		switch {
		case wrong[i] != nil:
			refused.Altered++
			refused.Reason = alteredReason
			p.alarm.Raise(intact.Sale, "sale_id", s.SaleID, "error", wrong[i])
		case tooLarge != nil:
			refused.TooLarge++
			refused.Reason = tooLargeReason + tooLarge.Error()
			p.log.Error("ALARM: a sale is larger than what NATS takes and is not published", "sale_id", s.SaleID, "error", tooLarge)
		default:
			sound = append(sound, s)
			continue
		}
		ids, recorded, reasons = append(ids, s.SaleID), append(recorded, s.RecordedAtUs), append(reasons, refused.Reason)
	}
	if len(ids) == 0 {
		return sound, refused, nil
	}
	_, err = db.Exec(ctx, parkSQL, pgx.NamedArgs{"sale_ids": ids, "recorded": recorded, "stream": StreamRow, "reasons": reasons, "now": now})
	return sound, refused, postgres.Fault("park sales that can't be published", err)
}

// Publish publishes sales that Sift returned, and returns once all are acknowledged. It writes nothing: the caller must have committed
// before that they are to be published.
func (p *Publisher) Publish(ctx context.Context, sales []Sale) error {
	msgs := make([]*nats.Msg, 0, len(sales))
	for _, s := range sales {
		msgs = append(msgs, p.message(s))
	}
	return p.bus.PublishAll(ctx, msgs)
}

// message is the same as the gateway's for this sale, except for source, generation and trace.
func (p *Publisher) message(s Sale) *nats.Msg {
	sent, err := event.SentOf(s.Request)
	if err != nil { // the gateway could read it once; what was sent is for subscribers only and is not anchored
		p.log.Error("a sale is published again without its lines, since its stored request cannot be read", "sale_id", s.SaleID) // the error may quote it
	}
	points := event.Points{Earned: s.PointsEarned, Redeemed: s.PointsRedeemed}
	return event.Recorded(event.RecordedOf(s.facts(), common.BytesToHash(s.SaleHash), points, sent), "ledger", s.Generation, "")
}
