package gateway_test

import (
	"context"
	"math/big"
	"math/rand/v2"
	"strconv"

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
				Rate:  &event.ProofRate{Value: "254321.17", Currency: "INR", Tier: "live", Sources: []string{"coingecko"}, ObservedAt: "2026-11-22T04:45:30Z"},
				Batch: event.ProofBatch{ID: "12", Root: someHash(), Size: "2", LeafIndex: "0"},
				Log:   event.ProofLog{Size: "15", Root: someHash(), Path: []common.Hash{someHash()}},
				Chain: event.ProofChain{
					ChainID: "1337", Contract: common.Address{1}.Hex(), TxHash: someHash(), BlockNumber: "99", BlockHash: someHash(),
					DeployedBlock: "5", Finality: "mined",
				},
			}, nil
		}), stream.Answers(stream.Endpoint{Subject: event.SubjectLogGet}, answerLog))
}

// logged is a contract with fifteen batches: the first twelve are final, the last two of another's making. A sixteenth is not mined.
var logged = event.LogChain{ChainID: "1337", Contract: common.HexToAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3").Hex(), DeployedBlock: "5"}

const loggedFinal, loggedOurs, loggedSize = 12, 13, 15

// answerLog answers as the ledger would, each hash aside, which names what it is of.
func answerLog(_ context.Context, q event.LogQuery) (event.LogAnswer, error) {
	unknown := fault.New(fault.Invalid, "there is no such thing")
	asked, err := q.Parse()
	if err != nil || asked.Contract != nil && asked.Contract.Hex() != logged.Contract {
		return event.LogAnswer{}, unknown
	}
	size := uint64(loggedSize)
	if asked.Size != nil {
		size = *asked.Size
	}
	answer := event.LogAnswer{Log: event.LogHead{Size: strconv.FormatUint(size, 10), Root: rootOf(size)}, Chain: logged}
	answer.Fixed = asked.Size != nil && size > 0 && size <= loggedFinal
	switch id := asked.BatchID; {
	case id != nil && *id == loggedSize+1:
		return event.LogAnswer{}, errNotMined
	case size > loggedSize || id != nil && (*id == 0 || *id > size):
		return event.LogAnswer{}, unknown
	case id != nil:
		answer.Batch = &event.LogBatch{ID: q.BatchID, Root: rootOf(100 + *id), Size: "873", Foreign: *id > loggedOurs}
		if size > 1 {
			answer.Log.Path = []common.Hash{rootOf(200), rootOf(201)}
		}
	}
	return answer, nil
}

func rootOf(n uint64) common.Hash { return common.BigToHash(new(big.Int).SetUint64(n)) }

func someHash() (h common.Hash) {
	for i := range h {
		h[i] = byte(rand.N(256))
	}
	return h
}
