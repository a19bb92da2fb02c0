// Package operate answers operators: it shows how the promises stand and what the services parked, sends a sale through the pipeline again
// once the reason is gone, and keeps who discarded one and why.
package operate

import (
	"context"
	_ "embed" // the statements
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/services/ledger/internal/auditor"
	"github.com/tillseal/tillseal/services/ledger/internal/republish"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

//go:embed sql/list.sql
var listSQL string

//go:embed sql/count.sql
var countSQL string

//go:embed sql/show.sql
var showSQL string

// Desk answers operators.
type Desk struct {
	Pool        *pgxpool.Pool
	Log         *slog.Logger
	Publisher   *republish.Publisher
	RepairAfter time.Duration // after which a replayed sale without a leaf counts as lost

	PromiseWithin time.Duration // PROMISE_WITHIN
	Auditor       *auditor.Auditor
	Active        func() bool // whether this replica's reconciler is the active one
}

// Limits. NATS accepts messages of up to 1 MiB.
const (
	listDefault = 100
	maxListed   = 500 // rows of one answer, each of some 800 bytes at most
	maxShown    = 8   // messages of one answer, each with its body of up to 107 KiB in base64
	reasonChars = 200 // of a reason in a list; show returns all of it
)

// entry is a parked message as a list shows it.
type entry struct {
	Service  string  `json:"service"`
	Stream   string  `json:"stream"`
	Sequence int64   `json:"sequence"`
	Reason   string  `json:"reason"`
	SaleID   *string `json:"sale_id,omitempty"`
	Currency *string `json:"currency,omitempty"` // absent when no committed sale has the id
	At       moment  `json:"at"`
	State    string  `json:"state"` // parked | discarded | replayed
	Holds    bool    `json:"holds"` // it holds its sale back; a forged message does not
	decision
}

// decision is what an operator did about it.
type decision struct {
	DecidedBy      *string `json:"decided_by,omitempty"`
	DecidedBecause *string `json:"decided_because,omitempty"`
	DecidedAt      *moment `json:"decided_at,omitempty"`
}

type listRequest struct {
	State    string `json:"state"`
	Service  string `json:"service"`
	Currency string `json:"currency"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

type listAnswer struct {
	Total  int64   `json:"total"` // on all pages
	Parked []entry `json:"parked"`
	Cursor string  `json:"cursor,omitempty"` // of the next page; absent on the last
}

const states = "parked, discarded or replayed"

func (d *Desk) list(ctx context.Context, req listRequest) (listAnswer, error) {
	if req.Limit == 0 {
		req.Limit = listDefault
	}
	if req.Limit < 1 || req.Limit > maxListed {
		return listAnswer{}, fault.New(fault.Invalid, "limit must be between 1 and %d", maxListed)
	}
	switch req.State {
	case "":
		req.State = "parked"
	case "parked", "discarded", "replayed":
	default:
		return listAnswer{}, fault.New(fault.Invalid, "state is not one of %s", states)
	}
	after, err := readCursor(req.Cursor)
	switch {
	case err != nil:
		return listAnswer{}, err
	case strings.Contains(req.Service+req.Currency+after.Service+after.Stream, "\x00"):
		return listAnswer{}, errNUL
	}
	args := pgx.NamedArgs{
		"state": req.State, "service": req.Service, "currency": req.Currency, "rows": req.Limit + 1, "reason_chars": reasonChars,
		"after_at": string(after.At), "after_service": after.Service, "after_stream": after.Stream, "after_sequence": after.Sequence,
	}
	var answer listAnswer
	if err := d.Pool.QueryRow(ctx, countSQL, args).Scan(&answer.Total); err != nil {
		return answer, postgres.Fault("count parked messages", err)
	}
	rows, err := d.Pool.Query(ctx, listSQL, args)
	if err != nil {
		return answer, postgres.Fault("list parked messages", err)
	}
	answer.Parked, err = pgx.CollectRows(rows, pgx.RowToStructByName[entry])
	if err != nil {
		return answer, postgres.Fault("list parked messages", err)
	}
	if len(answer.Parked) > req.Limit { // one more was read to know that there is one
		answer.Parked = answer.Parked[:req.Limit]
		answer.Cursor = cursorOf(answer.Parked[req.Limit-1])
	}
	return answer, nil
}

type shown struct {
	entry
	Subject   string          `json:"subject"`
	Committed bool            `json:"committed"` // a sale with this id is committed
	HasLeaf   bool            `json:"has_leaf"`  // and is in the anchor's journal
	Data      json.RawMessage `json:"data"`      // the message's body
}

type showAnswer struct {
	Parked []shown `json:"parked"`
}

func (d *Desk) show(ctx context.Context, req which) (showAnswer, error) {
	args, err := req.args()
	if err != nil {
		return showAnswer{}, err
	}
	args["rows"] = maxShown
	rows, err := d.Pool.Query(ctx, showSQL, args)
	if err != nil {
		return showAnswer{}, postgres.Fault("show parked messages", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[shown])
	if err != nil {
		return showAnswer{}, postgres.Fault("show parked messages", err)
	}
	if len(all) == 0 {
		return showAnswer{}, fault.New(fault.Conflict, "no message with this sale_id, or with this service, stream and sequence, was ever parked")
	}
	for i := range all {
		all[i].Data = readable(all[i].Data)
	}
	return showAnswer{Parked: all}, nil
}
