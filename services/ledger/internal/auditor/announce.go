package auditor

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/shared/event"
)

// announce publishes the findings of which no event tells yet.
func (a *Auditor) announce(ctx context.Context) error {
	for {
		open, err := a.book.list(ctx, unpublishedSQL, announceMost)
		if err != nil || len(open) == 0 {
			return err
		}
		for part := range slices.Chunk(open, announceAtOnce) {
			msgs, ids := make([]*nats.Msg, len(part)), make([]string, len(part))
			for i := range part {
				msgs[i], ids[i] = event.AuditFound(part[i].event()), part[i].Finding
			}
			if err := a.Bus.PublishAll(ctx, msgs); err != nil {
				return err
			}
			if err := a.book.published(ctx, ids, time.Now()); err != nil {
				return err
			}
		}
	}
}

// event is the finding as its event.
func (f *Found) event() event.AuditFinding {
	b := &f.Body
	return event.AuditFinding{
		Finding: f.Finding, Run: f.Run, Kind: string(b.Kind), SaleID: b.SaleID, TerminalID: b.TerminalID, Number: b.Number, CustomerID: b.CustomerID,
		Deployment: b.Deployment, BatchID: b.BatchID, Detail: b.Detail, FoundAt: f.FoundAt.UTC().Format(time.RFC3339Nano),
	}
}
