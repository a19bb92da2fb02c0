package book

import (
	"math"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// anchored is a SaleAnchored with the time at which the anchor announced it.
//
// Which of two announcements about a sale is the later one? A newer deployment's, always. Within a deployment a batch that was
// reorged is mined again and announced again, at a block whose number may be higher, the same or lower, so block numbers don't order
// them; nor does the stream's sequence, which starts over with a stream that was lost; nor the event's ce-time, which is whatever its
// sender wrote. What orders them is the batch_event in the anchor's journal that an announcement belongs to, and of two that belong to
// the same event the firmer one wins: what was final once stays final.
type anchored struct {
	event.SaleAnchored
	announcedAt time.Time
}

func readAnchored(msg stream.Message) (anchored, error) {
	e, err := event.Decode[event.SaleAnchored](msg.Data)
	if err != nil {
		return anchored{}, err
	}
	at, err := event.TimeOf(msg.Header)
	if err != nil {
		return anchored{}, err
	}
	if e.BatchID == 0 || e.BatchID > math.MaxInt64 || e.Deployment <= 0 || e.LeafIndex < 0 || e.LeafIndex > math.MaxInt32 {
		return anchored{}, fault.New(fault.Invalid, "batch_id and deployment start at 1, leaf_index at 0")
	}
	if !sale.ValidSaleID(e.SaleID) {
		return anchored{}, fault.New(fault.Invalid, "sale_id is not a UUID in lower case")
	}
	if !common.IsHexAddress(e.Contract) || common.HexToAddress(e.Contract).Hex() != e.Contract {
		return anchored{}, fault.New(fault.Invalid, "contract is not an address with its checksum (EIP-55)")
	}
	wei, err := money.ParseWei(e.AmountWei)
	if err != nil {
		return anchored{}, fault.New(fault.Invalid, "amount_wei %w", err)
	}
	leaf, err := merkle.Leaf(e.SaleHash, wei)
	if err != nil {
		return anchored{}, err
	}
	if leaf != e.Leaf || !merkle.Verify(e.Root, leaf, e.Proof) {
		return anchored{}, fault.New(fault.Invalid, "the proof does not lead from the sale to the root")
	}
	return anchored{SaleAnchored: e, announcedAt: at}, nil
}

func anchoredColumns(rows []anchored) pgx.NamedArgs {
	return pgx.NamedArgs{
		"sale_id":      postgres.Column(rows, func(r *anchored) string { return r.SaleID }),
		"deployment":   postgres.Column(rows, func(r *anchored) int64 { return r.Deployment }),
		"batch_id":     postgres.Column(rows, func(r *anchored) int64 { return int64(r.BatchID) }),
		"leaf_index":   postgres.Column(rows, func(r *anchored) int32 { return int32(r.LeafIndex) }),
		"store_id":     postgres.Column(rows, func(r *anchored) string { return r.StoreID }),
		"sale_hash":    postgres.Column(rows, func(r *anchored) []byte { return r.SaleHash.Bytes() }),
		"amount_wei":   postgres.Column(rows, func(r *anchored) string { return r.AmountWei }),
		"leaf":         postgres.Column(rows, func(r *anchored) []byte { return r.Leaf.Bytes() }),
		"proof":        postgres.Column(rows, func(r *anchored) []byte { return join(r.Proof) }),
		"root":         postgres.Column(rows, func(r *anchored) []byte { return r.Root.Bytes() }),
		"chain_id":     postgres.Column(rows, func(r *anchored) string { return strconv.FormatUint(r.ChainID, 10) }),
		"contract":     postgres.Column(rows, func(r *anchored) []byte { return common.HexToAddress(r.Contract).Bytes() }),
		"tx_hash":      postgres.Column(rows, func(r *anchored) []byte { return r.TxHash.Bytes() }),
		"block_number": postgres.Column(rows, func(r *anchored) string { return strconv.FormatUint(r.BlockNumber, 10) }),
		"block_hash":   postgres.Column(rows, func(r *anchored) []byte { return r.BlockHash.Bytes() }),
		"finality":     postgres.Column(rows, func(r *anchored) string { return r.Finality }),
		"announced_at": postgres.Column(rows, func(r *anchored) time.Time { return r.announcedAt }),
	}
}

// join writes a proof as the table keeps it, 32 bytes a sibling; a tree of one leaf has none.
func join(proof []common.Hash) []byte {
	joined := make([]byte, 0, len(proof)*common.HashLength)
	for _, sibling := range proof {
		joined = append(joined, sibling[:]...)
	}
	return joined
}
