// Package read answers requests about one sale, how far it has come and its proof, and about the log of batches that a contract keeps. It
// writes nothing.
package read

import (
	"context"
	_ "embed" // the statements
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

//go:embed sql/sale.sql
var saleSQL string

//go:embed sql/leaves.sql
var leavesSQL string

// Reader answers from Postgres: the sales as the gateway committed them, the anchor's journal and the ledger's own book.
type Reader struct {
	pool  *pgxpool.Pool
	ring  *intact.Keyring
	alarm *intact.Alarm
	trees *forest
}

// New makes a reader over a pool of role ledger.
func New(pool *pgxpool.Pool, ring *intact.Keyring, alarm *intact.Alarm) *Reader {
	return &Reader{pool: pool, ring: ring, alarm: alarm, trees: newForest(maxCachedLeaves)}
}

// Endpoints are the reads as they are offered over NATS.
func (r *Reader) Endpoints() []stream.Endpoint {
	const request = `{"sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001"}`
	return []stream.Endpoint{
		stream.Answers(stream.Endpoint{
			Subject: event.SubjectSalesGet,
			Description: "How far a sale has come: pending, parked (with the reason), batched, broadcast, mined or final; or altered " +
				"behind the services' back",
			Request:  request,
			Response: `{"sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001","status":"mined","batch_id":"12","tx_hash":"0x…","block_number":"99"}`,
		}, r.Status),
		stream.Answers(stream.Endpoint{
			Subject: event.SubjectProofsGet, Description: "A sale's proof, once it is mined; it holds the sale's salt: for the gateway and operators only",
			Request:  request,
			Response: `{"sale":{…},"request":"…","sale_hash":"0x…","amount_wei":"…","rate":{…},"leaf":"0x…","proof":["0x…"],"batch":{…},"log":{…},"chain":{…}}`,
		}, r.Proof),
		stream.Answers(stream.Endpoint{
			Subject: event.SubjectLogGet, Description: "A contract's log of batches, of any size it had, or a batch's place in it",
			Request: `{"contract":"0x5FbDB2315678afecb367f032d93F642f64180aa3","batch_id":"12","size":"15"}`,
			Response: `{"batch":{"id":"12","root":"0x…","size":"873"},"log":{"size":"15","root":"0x…","path":["0x…"]},` +
				`"chain":{"chain_id":"1337","contract":"0x…","deployed_block":"5"},"fixed":true}`,
		}, r.Log),
	}
}

// States of a sale (infra/docs/CONTRACT.md, 2.6).
const (
	statusPending   = "pending"
	statusParked    = "parked"
	statusBatched   = "batched"
	statusBroadcast = "broadcast"
	statusMined     = "mined"
	statusFinal     = "final"
	statusAltered   = "altered"
)

// maxReason is how many characters of a reason are shown.
const maxReason = 200

// givenUp is the reason that is shown of what an operator discarded: theirs is for the audit.
const givenUp = "an operator gave it up: it is not anchored unless one releases it"

// Status is how far a sale has come. An id that no sale has is Invalid.
func (r *Reader) Status(ctx context.Context, q event.SaleQuery) (event.SaleStatus, error) {
	row, err := one[saleRow](ctx, r, saleSQL, q.SaleID)
	if err != nil {
		return event.SaleStatus{}, err
	}
	wrong, err := r.wrongWith(ctx, &row)
	if err != nil {
		return event.SaleStatus{}, err
	}
	if wrong != "" {
		return event.SaleStatus{SaleID: row.SaleID, Status: statusAltered, Reason: wrong}, nil
	}
	return statusOf(&row), nil
}

func statusOf(row *saleRow) event.SaleStatus {
	s := event.SaleStatus{SaleID: row.SaleID, Status: statusPending}
	if row.BatchID == nil {
		if row.Held != nil {
			s.Status, s.Reason = statusParked, reasonOf(row)
		}
		return s
	}
	s.Status, s.BatchID = statusBatched, strconv.FormatInt(*row.BatchID, 10)
	if row.State == nil { // nothing is announced about the batch yet
		return s
	}
	switch state := event.BatchState(*row.State); state {
	case event.BatchSealed:
	case event.BatchBroadcast, event.BatchReorged: // after a reorg the batch waits for a block again
		s.Status, s.TxHash = statusBroadcast, hashOf(row.TxHash)
	case event.BatchMined, event.BatchFinal:
		s.Status, s.TxHash = statusMined, hashOf(row.TxHash)
		if state == event.BatchFinal {
			s.Status = statusFinal
		}
		if row.BlockNumber != nil {
			s.BlockNumber = *row.BlockNumber
		}
	}
	return s
}

// reasonOf says why a sale is held back, to whoever may see the sale. It is the sentence of the service that parked it, which by rule has no key,
// salt or customer's data in it (infra/docs/CONTRACT.md, 8); as one short line, since it came over NATS.
func reasonOf(row *saleRow) string {
	if *row.Held != statusParked {
		return givenUp
	}
	line := []rune(strings.Join(strings.FieldsFunc(*row.Reason, func(r rune) bool { return !unicode.IsPrint(r) }), " "))
	if len(line) > maxReason {
		line = append(line[:maxReason-1], '…')
	}
	return string(line)
}

// one reads the row of a sale.
func one[T any](ctx context.Context, r *Reader, statement, saleID string) (T, error) {
	var row T
	id, err := uuid.Parse(saleID)
	if err != nil {
		return row, fault.New(fault.Invalid, "there is no sale with this id")
	}
	rows, err := r.pool.Query(ctx, statement, pgx.NamedArgs{"sale_id": id.String()})
	if err == nil {
		row, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return row, fault.New(fault.Invalid, "there is no sale with this id")
	}
	return row, postgres.Fault("read a sale", err)
}

func hashOf(b []byte) *common.Hash {
	if len(b) == 0 {
		return nil
	}
	h := common.BytesToHash(b)
	return &h
}
