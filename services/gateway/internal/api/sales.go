package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// How long to wait for the ledger. A sale's status is an extra, "unknown" without the ledger; a proof is the answer itself.
const (
	statusWithin = 300 * time.Millisecond
	proofWithin  = 2 * time.Second
)

var errNoSale = refusal.New(refusal.NotFound, "the store has no such sale")

// own finds a sale of the terminal's store.
func (s *Server) own(c *fiber.Ctx) (uuid.UUID, error) {
	id, ok := record.ParseID(c.Params("id"))
	if !ok {
		return uuid.Nil, errNoSale
	}
	there, err := s.Store.HasRecord(c.UserContext(), id, terminalOf(c).StoreID)
	switch {
	case err != nil:
		s.warn(c, "the sale", err)
		return uuid.Nil, errStoreAway
	case !there:
		return uuid.Nil, errNoSale
	}
	return id, nil
}

// kept answers whether a key's record was stored: with the stored answer of this terminal's key, status and bytes, as a retry of the record
// would, but records nothing.
func (s *Server) kept(c *fiber.Ctx) error {
	key, err := record.ParseKey(param(c, "key"))
	if err != nil {
		return refusal.New(refusal.KeyInvalid, "the key in the path is not a UUID v4")
	}
	under := store.KeyOf{TerminalID: terminalOf(c).ID, Key: key}
	found, err := s.Store.Kept(c.UserContext(), []store.KeyOf{under})
	if err != nil {
		s.warn(c, "the key", err)
		return errStoreAway
	}
	kept := found[under]
	if kept == nil {
		return refusal.New(refusal.NotFound, "nothing is stored under this key: unless its record is still being processed, it was not recorded")
	}
	wrong, err := s.wrongWith(c, kept, nil)
	if err != nil {
		return err
	}
	if wrong != "" {
		return errAlteredKept
	}
	created(c, kept.Answer, true)
	return nil
}

// sale answers with the whole record as it was sent and answered, what was refunded of it, and the present state of its anchor.
func (s *Server) sale(c *fiber.Ctx) error {
	id, ok := record.ParseID(c.Params("id"))
	if !ok {
		return errNoSale
	}
	found, refunds, err := s.Store.Record(c.UserContext(), id, terminalOf(c).StoreID)
	switch {
	case err != nil:
		s.warn(c, "the sale", err)
		return errStoreAway
	case found == nil:
		return errNoSale
	}
	wrong, err := s.wrongWith(c, found, refunds)
	if err != nil {
		return err
	}
	now := since(found, refunds)
	if now.Anchor = anchorOf(found); wrong == "" {
		now.Anchor = s.anchor(c.UserContext(), id, now.Anchor)
	} else {
		now.Anchor.Status, now.Anchor.Reason = statusAltered, wrong
	}
	shown, err := record.Shown(found.Answer, found.Request, &now)
	if err != nil && wrong != "" { // altered to what can't be read
		return errAltered
	}
	if err != nil {
		return fault.New(fault.Fatal, "read what is stored of %s: %w", id, err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(shown)
}

// since is what became of a record, and of a sale what its refunds come to.
func since(found *store.Row, refunds []*store.Row) record.Since {
	now := record.Since{CustomerID: found.Facts.CustomerID, RefundOf: found.Facts.RefundOf}
	if currency, err := money.ParseRecorded(found.Facts.Currency); found.Facts.Kind == sale.KindSale && err == nil {
		refunded := money.Minor(0)
		for _, r := range refunds {
			refunded += money.Minor(r.TotalMinor)
			now.Refunds = append(now.Refunds, r.Facts.SaleID)
		}
		now.Refunded = currency.Format(refunded)
	}
	return now
}

func anchorOf(r *store.Row) record.Anchor {
	return record.Anchor{SaleHash: common.BytesToHash(r.SaleHash).Hex(), ProofURL: "/sales/" + r.Facts.SaleID + "/proof"}
}

func (s *Server) anchor(ctx context.Context, id uuid.UUID, a record.Anchor) record.Anchor {
	a.Status = "unknown"
	if !s.Bus.Conn.IsConnected() {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	status, err := stream.Ask[event.SaleStatus](ctx, s.Bus, event.SubjectSalesGet, event.SaleQuery{SaleID: id.String()})
	if err != nil {
		return a
	}
	a.Status, a.Reason, a.BatchID, a.BlockNumber = status.Status, status.Reason, status.BatchID, status.BlockNumber
	if status.TxHash != nil {
		a.TxHash = status.TxHash.Hex()
	}
	return a
}

// proof forwards the ledger's proof of a sale of the terminal's store, byte for byte.
func (s *Server) proof(c *fiber.Ctx) error {
	id, err := s.own(c)
	if err != nil {
		return err
	}
	return s.sendProof(c, id)
}

// sendProof forwards the ledger's proof of a sale that the caller may read.
func (s *Server) sendProof(c *fiber.Ctx, id uuid.UUID) error {
	if !s.Bus.Conn.IsConnected() {
		return errLedgerAway
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), proofWithin)
	defer cancel()
	proof, err := stream.Ask[json.RawMessage](ctx, s.Bus, event.SubjectProofsGet, event.SaleQuery{SaleID: id.String()})
	switch code := stream.CodeOf(err); {
	case code == event.CodeAltered:
		return errAltered
	case code == event.CodeParked:
		return refusal.New(refusal.Parked, err.Error())
	case fault.Is(err, fault.Conflict):
		return &refusal.Error{Code: refusal.NotAnchoredYet, Detail: "the sale is not in a mined batch yet: ask again later", RetryAfter: retryAfter}
	case err != nil:
		s.warn(c, "the proof, from the ledger", err)
		return errLedgerAway
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(proof)
}

var errLedgerAway = refusal.Later(refusal.LedgerAway, retryAfter, "the ledger does not answer: ask again later")
