package operate

import (
	"context"
	"time"

	"github.com/tillseal/tillseal/services/ledger/internal/promises"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
)

// statusAnswer is how the ledger is: what every replica reads from Postgres, and whether the one that answers is the active one.
type statusAnswer struct {
	Active   bool           `json:"active"` // its reconciler is the active one, which shows the metrics and logs the alarms
	Promises promisesAnswer `json:"promises"`
}

type promisesAnswer struct {
	Within string         `json:"within"`           // PROMISE_WITHIN, as Go writes it
	Oldest *unkeptPromise `json:"oldest,omitempty"` // absent when every sale is in a mined batch
	State  promises.State `json:"state"`            // kept | half | broken
	Broken int            `json:"broken"`           // counted up to promises.MaxBroken
}

type unkeptPromise struct {
	SaleID       string         `json:"sale_id"`
	TerminalID   string         `json:"terminal_id"`
	RecordNumber int64          `json:"record_number"`
	RecordedAt   moment         `json:"recorded_at"`
	AnchorBy     moment         `json:"anchor_by"`
	WaitsFor     promises.Cause `json:"waits_for"` // leaf | batch | block | parked | discarded
}

func (d *Desk) statusEndpoint() stream.Endpoint {
	return stream.Answers(stream.Endpoint{
		Subject:     "ops.ledger.status",
		Description: "The oldest sale in no mined batch, by when that was promised and what it waits for, and how many such promises are broken",
		Request:     "{}",
		Response: `{"active":true,"promises":{"within":"24h0m0s","oldest":{"sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001","terminal_id":"t1",` +
			`"record_number":1042,"recorded_at":"2026-11-22T04:45:31.000000Z","anchor_by":"2026-11-23T04:45:31.000000Z","waits_for":"parked"},` +
			`"state":"half","broken":0}}`,
	}, d.status)
}

func (d *Desk) status(ctx context.Context, _ struct{}) (statusAnswer, error) {
	now := time.Now()
	seen, err := promises.Read(ctx, d.Pool, d.PromiseWithin, now)
	if err != nil {
		return statusAnswer{}, err
	}
	answer := statusAnswer{
		Active:   d.Active(),
		Promises: promisesAnswer{Within: d.PromiseWithin.String(), State: seen.State(d.PromiseWithin, now), Broken: seen.Broken},
	}
	if o := seen.Oldest; o != nil {
		answer.Promises.Oldest = &unkeptPromise{
			SaleID: o.SaleID, TerminalID: o.TerminalID, RecordNumber: o.RecordNumber, RecordedAt: momentOf(o.RecordedAt),
			AnchorBy: momentOf(promise.AnchorBy(o.RecordedAt, d.PromiseWithin)), WaitsFor: o.WaitsFor,
		}
	}
	return answer, nil
}
