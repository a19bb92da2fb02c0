package gateway_test

import (
	"context"
	"math/rand/v2"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

var errNotMined = fault.New(fault.Conflict, "not mined yet")

// ledger answers the gateway's requests in place of the ledger.
func ledger(s *shop, mined func() bool, early func() error) (stop func(), err error) {
	return s.bus.Serve(context.Background(), "stands in for the ledger",
		stream.Answers(stream.Endpoint{Subject: event.SubjectSalesGet}, func(_ context.Context, q event.SaleQuery) (event.SaleStatus, error) {
			return event.SaleStatus{SaleID: q.SaleID, Status: "batched", BatchID: "12"}, nil
		}),
		stream.Answers(stream.Endpoint{Subject: event.SubjectProofsGet}, func(context.Context, event.SaleQuery) (event.Proof, error) {
			if !mined() {
				return event.Proof{}, early()
			}
			return event.Proof{AmountWei: "7"}, nil
		}))
}

// provingLedger is one whose proofs have the form of a real one's.
func provingLedger(s *shop, mined func() bool) (stop func(), err error) {
	return s.bus.Serve(context.Background(), "stands in for the ledger",
		stream.Answers(stream.Endpoint{Subject: event.SubjectSalesGet}, func(_ context.Context, q event.SaleQuery) (event.SaleStatus, error) {
			tx := someHash()
			return event.SaleStatus{SaleID: q.SaleID, Status: "mined", BatchID: "12", TxHash: &tx, BlockNumber: "99"}, nil
		}),
		stream.Answers(stream.Endpoint{Subject: event.SubjectProofsGet}, func(_ context.Context, q event.SaleQuery) (event.Proof, error) {
			if !mined() {
				return event.Proof{}, errNotMined
			}
			return event.Proof{
				Sale: sale.Sale{
					SaleID: q.SaleID, Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", Currency: "INR", Total: "1.00", PointsDelta: -3, RecordedAt: 1,
					RequestHash: someHash(), Salt: someHash(),
				},
				Request: []byte(`{}`), SaleHash: someHash(), AmountWei: "7", Leaf: someHash(), Proof: []common.Hash{someHash()},
				Rate:  event.ProofRate{Value: "254321.17", Currency: "INR", Tier: "live", Sources: []string{"coingecko"}, ObservedAt: "2026-11-22T04:45:30Z"},
				Batch: event.ProofBatch{ID: "12", Root: someHash(), Size: "2", LeafIndex: "0"},
				Chain: event.ProofChain{
					ChainID: "1337", Contract: common.Address{1}.Hex(), TxHash: someHash(), BlockNumber: "99", BlockHash: someHash(),
					Finality: "mined",
				},
			}, nil
		}))
}

func someHash() (h common.Hash) {
	for i := range h {
		h[i] = byte(rand.N(256))
	}
	return h
}
