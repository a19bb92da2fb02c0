// Package operate answers the operators' requests, ops.anchor.*: the state of the anchor, its batches, the rates it accepts. Any replica
// answers from the journal. The requests about batches change nothing of what will be anchored.
package operate

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/services/anchor/internal/active"
	"github.com/tillseal/tillseal/services/anchor/internal/announce"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

const (
	pageDefault = 20
	pageMax     = 500
)

// Desk holds what the answers need.
type Desk struct {
	Journal  *journal.Journal
	Chain    *chain.Client
	Bus      *stream.Bus
	Log      *slog.Logger
	Finality string // latest, safe or finalized
	Status   func() active.Status
}

// Which names a batch; without a deployment the newest.
type Which struct {
	Deployment int64  `json:"deployment"`
	BatchID    uint64 `json:"batch_id"`
}

// Listing asks for a page of batches, newest first.
type Listing struct {
	Deployment int64  `json:"deployment"` // the newest when left out
	Before     uint64 `json:"before"`     // a batch id; from the newest when left out
	Limit      int    `json:"limit"`      // 20 when left out, at most 500
}

// Page is the answer to a Listing; Before asks for the next one, and is left out on the last.
type Page struct {
	Batches []event.Batch `json:"batches"`
	Before  uint64        `json:"before,omitempty"`
}

// Attempt is one transaction of a batch.
type Attempt struct {
	TxHash    common.Hash `json:"tx_hash"`
	Nonce     uint64      `json:"nonce"`
	FeeCapWei string      `json:"fee_cap_wei"`
	TipCapWei string      `json:"tip_cap_wei"`
	SignedAt  string      `json:"signed_at"`
}

// Story is everything that the journal knows of a batch.
type Story struct {
	Events   []event.Batch `json:"events"`
	Attempts []Attempt     `json:"attempts"`
}

// Done is the answer to a request that does something: how much was done.
type Done struct {
	BatchID uint64 `json:"batch_id"`
	Count   int    `json:"count"` // transactions sent, or sales announced
}

// Endpoints lists what the desk answers.
func (d *Desk) Endpoints() []stream.Endpoint {
	const which = `{"batch_id":12}`
	return []stream.Endpoint{
		stream.Answers(stream.Endpoint{ // every replica with the backlog, the active one also with what it last saw of the chain
			Subject: "ops.anchor.status", Description: "The backlog and its age; from the active anchor also contract, next batch, fees and account",
			Request: "{}", Response: `{"active":true,"deployment":1,"next_batch_id":13,"in_flight":12,"oldest_unanchored_seconds":4}`,
		}, func(context.Context, struct{}) (active.Status, error) { return d.Status(), nil }),
		stream.Answers(stream.Endpoint{
			Subject: "ops.anchor.batches.list", Description: "Batches with their state, newest first, in pages",
			Request: `{"limit":20,"before":120}`, Response: `{"batches":[{"batch_id":119,"state":"mined"}],"before":100}`,
		}, d.list),
		stream.Answers(stream.Endpoint{
			Subject: "ops.anchor.batches.get", Description: "Everything that happened to a batch, and its transactions",
			Request: which, Response: `{"events":[{"state":"sealed"}],"attempts":[{"tx_hash":"0x","nonce":7}]}`,
		}, d.get),
		stream.Answers(stream.Endpoint{
			Subject: "ops.anchor.batches.resend", Description: "Sends the newest transaction of a batch that is not mined again, as it was signed",
			Request: which, Response: `{"batch_id":12,"count":1}`,
		}, d.resend),
		stream.Answers(stream.Endpoint{
			Subject: "ops.anchor.batches.announce", Description: "Publishes SaleAnchored of all sales of a batch again, once the batch has reached ANCHOR_FINALITY",
			Request: which, Response: `{"batch_id":12,"count":873}`,
		}, d.announce),
		stream.Answers(stream.Endpoint{
			Subject:     "ops.anchor.rates.accept",
			Description: "Accepts a rate that jumped: from now on the currency's rates are compared with this value; who and why is kept for the audit",
			Request:     `{"currency":"INR","value":"254321.17","operator":"asha","reason":"the market is there"}`,
			Response:    `{"currency":"INR","value":"254321.17","before":"99120.5"}`,
		}, d.accept),
	}
}

func (d *Desk) deployment(ctx context.Context, asked int64) (int64, error) {
	if asked != 0 {
		return asked, nil
	}
	newest, err := d.Journal.Newest(ctx)
	if err == nil && newest == 0 {
		err = fault.New(fault.Conflict, "there is no deployment yet")
	}
	return newest, err
}

func (d *Desk) list(ctx context.Context, ask Listing) (page Page, err error) {
	if ask.Limit == 0 {
		ask.Limit = pageDefault
	}
	if ask.Limit < 1 || ask.Limit > pageMax {
		return page, fault.New(fault.Invalid, "limit must be between 1 and %d", pageMax)
	}
	if ask.Before == 0 || ask.Before > math.MaxInt64 {
		ask.Before = math.MaxInt64
	}
	deployment, err := d.deployment(ctx, ask.Deployment)
	if err != nil {
		return page, err
	}
	if page.Batches, err = d.Journal.Page(ctx, deployment, ask.Before, ask.Limit); err != nil {
		return page, err
	}
	if n := len(page.Batches); n == ask.Limit && page.Batches[n-1].BatchID > 1 {
		page.Before = page.Batches[n-1].BatchID
	}
	return page, nil
}

// story reads a batch's events; a batch that does not exist is Invalid.
func (d *Desk) story(ctx context.Context, w Which) (deployment int64, events []event.Batch, err error) {
	if deployment, err = d.deployment(ctx, w.Deployment); err != nil {
		return 0, nil, err
	}
	if w.BatchID == 0 || w.BatchID > math.MaxInt64 {
		return 0, nil, fault.New(fault.Invalid, "batch_id is missing")
	}
	events, err = d.Journal.History(ctx, deployment, w.BatchID)
	if err == nil && len(events) == 0 {
		err = fault.New(fault.Invalid, "deployment %d has no batch %d", deployment, w.BatchID)
	}
	return deployment, events, err
}

func (d *Desk) get(ctx context.Context, w Which) (s Story, err error) {
	deployment, events, err := d.story(ctx, w)
	if err != nil {
		return s, err
	}
	attempts, err := d.Journal.Attempts(ctx, deployment, w.BatchID)
	s.Events, s.Attempts = events, make([]Attempt, len(attempts))
	for i, a := range attempts {
		s.Attempts[i] = Attempt{
			TxHash: a.Hash, Nonce: a.Nonce, FeeCapWei: a.Fee.CapWei.String(), TipCapWei: a.Fee.TipWei.String(), SignedAt: a.SignedAt.UTC().Format(time.RFC3339),
		}
	}
	return s, err
}

func (d *Desk) resend(ctx context.Context, w Which) (Done, error) {
	deployment, events, err := d.story(ctx, w)
	if err != nil {
		return Done{}, err
	}
	if state := events[len(events)-1].State; state == event.BatchMined || state == event.BatchFinal {
		return Done{}, fault.New(fault.Conflict, "batch %d is %s: only a batch that is not mined can be sent again", w.BatchID, state)
	}
	attempts, err := d.Journal.Attempts(ctx, deployment, w.BatchID)
	if err != nil {
		return Done{}, err
	}
	if len(attempts) == 0 {
		return Done{}, fault.New(fault.Conflict, "batch %d has no transaction yet", w.BatchID)
	}
	raw, err := d.Journal.Raw(ctx, attempts[len(attempts)-1].Hash)
	if err != nil {
		return Done{}, err
	}
	if err := d.Chain.Broadcast(ctx, raw); err != nil {
		return Done{}, fault.New(fault.Conflict, "no node accepted it: %w", err)
	}
	return Done{BatchID: w.BatchID, Count: 1}, nil
}

// announce publishes again what was announced before. Each time is a generation of its own, or the dedupe window would swallow it.
func (d *Desk) announce(ctx context.Context, w Which) (Done, error) {
	deployment, events, err := d.story(ctx, w)
	if err != nil {
		return Done{}, err
	}
	chainID, contract, err := d.Journal.At(ctx, deployment)
	if err != nil {
		return Done{}, err
	}
	target := announce.Target{Deployment: deployment, ChainID: chainID, Contract: contract, Finality: d.Finality}
	reached, err := target.Reached(events)
	if err != nil {
		return Done{}, err
	}
	announcer := announce.Announcer{Journal: d.Journal, Bus: d.Bus, Target: target}
	return Done{BatchID: w.BatchID, Count: reached.Size}, announcer.Again(ctx, reached)
}
