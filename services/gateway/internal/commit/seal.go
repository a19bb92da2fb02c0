package commit

import (
	"context"
	"runtime"
	"sync"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/sale"
)

// A signature takes some twenty microseconds.
const (
	sealEach = 8  // records make it worth another goroutine
	moveEach = 16 // records make it worth another round trip
)

// sealAndMove writes the answers, and meanwhile, of a group for which that is worth a round trip of its own, all but the records to Postgres.
func (g *Grouper) sealAndMove(ctx context.Context, tx *store.Tx, s *state, c *store.Changes) error {
	if len(s.sales) < moveEach {
		g.seal(s)
		return nil
	}
	moved := make(chan error, 1)
	go func() { moved <- tx.Move(ctx, c) }()
	g.seal(s)
	return <-moved
}

// seal writes the answers of the group's new records, with the shop's signed promise in each. The group's locks are held meanwhile, so every
// processor helps. A promise leaves the gateway only once its record is committed.
func (g *Grouper) seal(s *state) {
	workers := min(runtime.GOMAXPROCS(0), 1+len(s.sales)/sealEach)
	var all sync.WaitGroup
	for w := range workers {
		share := s.sales[w*len(s.sales)/workers : (w+1)*len(s.sales)/workers]
		all.Go(func() {
			for i, promise := range g.Sign(share) {
				a := answer(share[i], promise)
				share[i].Answer = a.Bytes()
			}
		})
	}
	all.Wait()
	for _, row := range s.sales {
		s.kept[row.Under].Answer = row.Answer
	}
}

func answer(row *store.Sale, promise string) record.Answer {
	f := &row.Facts
	a := record.Answer{
		SaleID: f.SaleID, Kind: f.Kind, StoreID: f.StoreID, TerminalID: f.TerminalID, RecordedAt: sale.FormatTime(int64(f.RecordedAt)),
		Currency: f.Currency, Total: f.Total, RecordNumber: f.RecordNumber, PreviousHash: f.PreviousHash.Hex(),
		Anchor:  record.Anchor{Status: "pending", SaleHash: row.Hash.Hex(), ProofURL: "/sales/" + f.SaleID + "/proof"},
		Promise: promise, ReceiptURL: "/receipts/" + f.SaleID + "?t=" + row.ReceiptToken,
	}
	if f.CustomerID != "" {
		a.Loyalty = &record.Loyalty{
			CustomerID: f.CustomerID, PurchaseNumber: int64(f.PurchaseNumber), FirstPurchase: f.PurchaseNumber == 1,
			PointsEarned: row.Earned, PointsRedeemed: row.Redeemed, PointsBalance: f.PointsBalance, Shortfall: row.Shortfall,
		}
	}
	a.Unreferenced = f.Kind == sale.KindRefund && f.RefundOf == ""
	if row.SeqHolder != uuid.Nil {
		a.Warnings = []record.Warning{{Code: refusal.SeqReused, SaleID: row.SeqHolder.String()}}
	}
	return a
}
