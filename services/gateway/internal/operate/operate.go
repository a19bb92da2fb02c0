// Package operate answers operators: it adds terminals, changes their keys, suspends them, and corrects customers' points.
package operate

import (
	"context"
	"time"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// maxListed is how many terminals one answer lists: some hundred bytes each, far below NATS's megabyte.
const maxListed = 500

// AddRequest asks for a new terminal.
type AddRequest struct {
	StoreID    string `json:"store_id"`
	TerminalID string `json:"terminal_id"`
}

// Added is a new terminal with its key, which is shown this once: only its hash is kept.
type Added struct {
	TerminalID string `json:"terminal_id"`
	StoreID    string `json:"store_id"`
	Key        string `json:"key"`
}

// ListRequest asks for terminals; every member is optional.
type ListRequest struct {
	StoreID string `json:"store_id"` // of this store only
	After   string `json:"after"`    // the last terminal_id of the page before
}

// Page is a list of terminals by id. Next, when present, is the After of the page that follows.
type Page struct {
	Terminals []Terminal `json:"terminals"`
	Next      string     `json:"next,omitempty"`
}

// Terminal is a terminal with its live keys, oldest first; keys are shown by their number only.
type Terminal struct {
	TerminalID string    `json:"terminal_id"`
	StoreID    string    `json:"store_id"`
	Status     string    `json:"status"` // active or suspended
	CreatedAt  time.Time `json:"created_at"`
	Keys       []Key     `json:"keys"`
}

// Key is a live key.
type Key struct {
	Number    int32     `json:"key_number"`
	CreatedAt time.Time `json:"created_at"`
}

// Request names a terminal.
type Request struct {
	TerminalID string `json:"terminal_id"`
}

// RevokeRequest names one key, or all keys.
type RevokeRequest struct {
	TerminalID string `json:"terminal_id"`
	KeyNumber  int32  `json:"key_number"`
	AllKeys    bool   `json:"all_keys"`
}

// Rotated is a terminal's new key, shown this once, and its live keys.
type Rotated struct {
	TerminalID string `json:"terminal_id"`
	StoreID    string `json:"store_id"`
	Key        string `json:"key"`
	KeyNumber  int32  `json:"key_number"`
	Keys       []Key  `json:"keys"`
}

// Keys are the live keys after a revocation.
type Keys struct {
	TerminalID string `json:"terminal_id"`
	StoreID    string `json:"store_id"`
	Keys       []Key  `json:"keys"`
}

// Status is a terminal's status after a change.
type Status struct {
	TerminalID string `json:"terminal_id"`
	StoreID    string `json:"store_id"`
	Status     string `json:"status"`
}

const withinASecond = " Every gateway follows within a second."

// Desk answers operators. It is safe for concurrent use.
type Desk struct {
	store  *store.Store
	record Recorder
}

// Recorder commits a record and returns its answer, as commit.Committer.Record does. The error is a refusal.
type Recorder func(item commit.Item, trace event.Trace) (answer []byte, replayed bool, err error)

// New makes a desk over the store's terminals, whose adjustments are recorded by record.
func New(s *store.Store, record Recorder) *Desk { return &Desk{store: s, record: record} }

// Endpoints are the operators' requests about terminals and points.
func (d *Desk) Endpoints() []stream.Endpoint {
	return []stream.Endpoint{
		stream.Answers(stream.Endpoint{
			Subject: "ops.gateway.terminals.add",
			Description: "Adds a terminal to a store and answers with its key, which is shown this once. " +
				"Ids are 1 to 32 of a-z 0-9 -; a terminal's id is unique across stores.",
			Request:  `{"store_id":"s1","terminal_id":"t1"}`,
			Response: `{"terminal_id":"t1","store_id":"s1","key":"till_…"}`,
		}, d.add),
		stream.Answers(stream.Endpoint{
			Subject: "ops.gateway.terminals.list",
			Description: "Lists terminals by id with their status and live keys, up to 500 at once; when more follow, next is the after of the next request. " +
				"store_id selects one store; both members are optional. Keys are shown by their number only.",
			Request: `{"store_id":"s1","after":"t1"}`,
			Response: `{"terminals":[{"terminal_id":"t2","store_id":"s1","status":"active","created_at":"2026-11-22T04:45:31.123456Z",` +
				`"keys":[{"key_number":1,"created_at":"2026-11-22T04:45:31.123456Z"}]}],"next":"t2"}`,
		}, d.list),
		stream.Answers(stream.Endpoint{
			Subject: "ops.gateway.terminals.rotate",
			Description: "Gives a terminal another key, shown this once. The old key goes on working until it is revoked, so that the till can sell all the time: " +
				"rotate, put the new key into the till, check that it sells, then terminals.revoke the old key_number. A terminal has at most two live keys: " +
				"with two, revoke one first. If the answer was lost, list shows the number of the key that nobody has: revoke it and rotate again.",
			Request:  `{"terminal_id":"t1"}`,
			Response: `{"terminal_id":"t1","store_id":"s1","key":"till_…","key_number":2,"keys":[{"key_number":1,"created_at":"…"},{"key_number":2,"created_at":"…"}]}`,
		}, d.rotate),
		stream.Answers(stream.Endpoint{
			Subject: "ops.gateway.terminals.revoke",
			Description: `Revokes a key for good: {"terminal_id":"t1","key_number":1}; all keys of a lost till: {"terminal_id":"t1","all_keys":true}, after which ` +
				"rotate gives a new one. The answer lists the keys that are still live. Revoking a key twice does no harm." + withinASecond,
			Request:  `{"terminal_id":"t1","key_number":1}`,
			Response: `{"terminal_id":"t1","store_id":"s1","keys":[{"key_number":2,"created_at":"…"}]}`,
		}, d.revoke),
		stream.Answers(stream.Endpoint{
			Subject:     "ops.gateway.terminals.suspend",
			Description: "Suspends a terminal: it can neither record nor read (403 FORBIDDEN) until terminals.resume; its keys stay valid." + withinASecond,
			Request:     `{"terminal_id":"t1"}`,
			Response:    `{"terminal_id":"t1","store_id":"s1","status":"suspended"}`,
		}, func(ctx context.Context, req Request) (Status, error) { return d.suspend(ctx, req, true) }),
		stream.Answers(stream.Endpoint{
			Subject:     "ops.gateway.terminals.resume",
			Description: "Undoes terminals.suspend." + withinASecond,
			Request:     `{"terminal_id":"t1"}`,
			Response:    `{"terminal_id":"t1","store_id":"s1","status":"active"}`,
		}, func(ctx context.Context, req Request) (Status, error) { return d.suspend(ctx, req, false) }),
		d.pointsAdjust(),
		d.seriesNext(),
	}
}

// checkTerminal refuses what no till's id is. Nobody changes the reserved one.
func checkTerminal(id string) error {
	switch {
	case !sale.ValidPlaceID(id):
		return fault.New(fault.Invalid, "terminal_id must be 1 to 32 of the characters a-z 0-9 -")
	case id == sale.Operator:
		return fault.New(fault.Invalid, "there is no such terminal")
	}
	return nil
}

func (d *Desk) add(ctx context.Context, req AddRequest) (Added, error) {
	if !sale.ValidPlaceID(req.StoreID) || !sale.ValidPlaceID(req.TerminalID) {
		return Added{}, fault.New(fault.Invalid, "store_id and terminal_id must be 1 to 32 of the characters a-z 0-9 -")
	}
	if req.StoreID == sale.Operator || req.TerminalID == sale.Operator {
		return Added{}, fault.New(fault.Invalid, "%s is reserved for the shop's own records", sale.Operator)
	}
	key, hash := terminal.NewKey()
	if err := d.store.AddTerminal(ctx, req.TerminalID, req.StoreID, hash); err != nil {
		return Added{}, err
	}
	return Added{req.TerminalID, req.StoreID, key}, nil
}

func (d *Desk) list(ctx context.Context, req ListRequest) (Page, error) {
	if req.StoreID != "" && !sale.ValidPlaceID(req.StoreID) || req.After != "" && !sale.ValidPlaceID(req.After) {
		return Page{}, fault.New(fault.Invalid, "store_id and after must be ids, 1 to 32 of the characters a-z 0-9 -")
	}
	found, err := d.store.Terminals(ctx, req.StoreID, req.After, maxListed+1) // one more, to know whether a page follows
	if err != nil {
		return Page{}, err
	}
	page := Page{Terminals: make([]Terminal, 0, len(found))}
	if len(found) > maxListed {
		found = found[:maxListed]
		page.Next = found[maxListed-1].ID
	}
	for _, t := range found {
		page.Terminals = append(page.Terminals, Terminal{t.ID, t.StoreID, t.Status(), t.CreatedAt.UTC(), shown(t.Keys)})
	}
	return page, nil
}

func shown(keys []store.Key) []Key {
	out := make([]Key, len(keys))
	for i, k := range keys {
		out[i] = Key{k.Number, k.CreatedAt.UTC()}
	}
	return out
}

func (d *Desk) rotate(ctx context.Context, req Request) (Rotated, error) {
	if err := checkTerminal(req.TerminalID); err != nil {
		return Rotated{}, err
	}
	key, hash := terminal.NewKey()
	storeID, live, err := d.store.AddKey(ctx, req.TerminalID, hash)
	if err != nil {
		return Rotated{}, err
	}
	return Rotated{req.TerminalID, storeID, key, live[len(live)-1].Number, shown(live)}, nil
}

func (d *Desk) revoke(ctx context.Context, req RevokeRequest) (Keys, error) {
	if err := checkTerminal(req.TerminalID); err != nil {
		return Keys{}, err
	}
	if req.KeyNumber < 0 || (req.KeyNumber == 0) != req.AllKeys {
		return Keys{}, fault.New(fault.Invalid, `name the key to revoke: "key_number":1, or "all_keys":true`)
	}
	storeID, live, err := d.store.RevokeKeys(ctx, req.TerminalID, req.KeyNumber)
	if err != nil {
		return Keys{}, err
	}
	return Keys{req.TerminalID, storeID, shown(live)}, nil
}

func (d *Desk) suspend(ctx context.Context, req Request, suspended bool) (Status, error) {
	if err := checkTerminal(req.TerminalID); err != nil {
		return Status{}, err
	}
	storeID, err := d.store.SetSuspended(ctx, req.TerminalID, suspended)
	if err != nil {
		return Status{}, err
	}
	return Status{req.TerminalID, storeID, store.Terminal{Suspended: suspended}.Status()}, nil
}
