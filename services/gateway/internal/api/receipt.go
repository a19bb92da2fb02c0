package api

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/shopfile"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// Receipts is what receipts' pages say beside the record.
type Receipts struct {
	Shop     *shopfile.Shop
	RPC      string // a node's URL that shoppers' browsers ask; "" for none
	Explorer string // the base URL of an explorer of the chain, without a slash at its end; "" for none
	ChainID  string // the published contract's; "" where none is published
	Contract string
}

var (
	// errNoReceipt is the same for a receipt that does not exist and for a wrong token.
	errNoReceipt    = refusal.New(refusal.NotFound, "there is no receipt at this address")
	errManyReceipts = refusal.Later(refusal.RateLimited, time.Second, "too many receipts are being requested: try again")
	errWrongNode    = refusal.New(refusal.BadRequest, "the parameter node must be an origin such as https://rpc.example")
)

// receipt is the page of a record, for whoever holds its token.
func (s *Server) receipt(c *fiber.Ctx) error {
	node, ok := nodeOrigin(c.Query("node"))
	if !ok {
		return s.explain(c, errWrongNode)
	}
	held, err := s.heldRecord(c, s.receipts)
	if err != nil {
		return s.explain(c, err)
	}
	return s.showReceipt(c, s.receiptOf(c.UserContext(), held), node)
}

// receiptStatus is where a receipt's proof stands, for the page that follows it.
func (s *Server) receiptStatus(c *fiber.Ctx) error {
	held, err := s.heldRecord(c, s.follows)
	if err != nil {
		return err
	}
	withoutReferrer(c)
	return c.JSON(s.proofState(c.UserContext(), held))
}

// receiptProof is the proof for a receipt's holder.
func (s *Server) receiptProof(c *fiber.Ctx) error {
	held, err := s.heldRecord(c, s.receipts)
	if err != nil {
		return err
	}
	withoutReferrer(c)
	if held.wrong != "" {
		return errAltered
	}
	if err := s.sendProof(c, held.row.ID); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="proof-`+held.row.ID.String()+`.json"`)
	return nil
}

// held is a record of which the caller has the receipt's token.
type held struct {
	row   *store.Row
	rules string // the version of the loyalty rules that it was recorded by, "" for a guest's
	wrong string // which step of a check fails on what is stored, "" when it is intact
}

// heldRecord finds the record of a request's id and token, and checks it.
func (s *Server) heldRecord(c *fiber.Ctx, within interface{ Allow() bool }) (*held, error) {
	id, ok := record.ParseID(param(c, "id"))
	token := c.Query("t")
	if !ok || token == "" {
		return nil, errNoReceipt // which costs nothing, and nobody's place
	}
	if !within.Allow() {
		return nil, errManyReceipts
	}
	found, kept, err := s.Store.Receipt(c.UserContext(), id)
	switch {
	case err != nil:
		s.warn(c, "the receipt", err)
		return nil, errStoreAway
	case found == nil || subtle.ConstantTimeCompare([]byte(kept.Token), []byte(token)) != 1:
		return nil, errNoReceipt
	}
	checked, err := s.checked(c, found)
	if err != nil {
		return nil, err
	}
	return &held{row: found, rules: kept.RulesVersion, wrong: stepOf(found, checked.Of(found))}, nil
}

// stepOf names the step of a verification (infra/docs/CONTRACT.md, 4.4 and 2.9) that is the first to fail on what is stored of a record.
func stepOf(r *store.Row, wrong error) string {
	switch {
	case wrong == nil:
		return ""
	case errors.Is(wrong, intact.ErrPromise), errors.Is(wrong, intact.ErrUnsigned):
		return "promise"
	case errors.Is(wrong, intact.ErrPoints), errors.Is(wrong, intact.ErrTotal):
		return "shown" // all that is hashed is as it was; what the page would show beside it is not
	case !agrees(r):
		return "request"
	}
	return "sale_hash"
}

// agrees reports whether what a till sent says of a record what its row says.
func agrees(r *store.Row) bool {
	var sent struct {
		Kind       sale.Kind `json:"kind"`
		Currency   string    `json:"currency"`
		Total      string    `json:"total"`
		CustomerID string    `json:"customer_id"`
	}
	f := &r.Facts
	currency, err := money.ParseRecorded(f.Currency)
	if err != nil || json.Unmarshal(r.Request, &sent) != nil {
		return false
	}
	total, err := currency.Parse(sent.Total)
	customer := f.Kind == sale.KindRefund || sent.CustomerID == f.CustomerID // a refund's is its sale's
	return err == nil && currency.Format(total) == f.Total && sent.Currency == f.Currency && cmp.Or(sent.Kind, sale.KindSale) == f.Kind && customer
}

// proofState is where a receipt's proof stands. Of a record that was altered nothing else is shown.
type proofState struct {
	Status      string `json:"status"`
	Step        string `json:"step,omitempty"` // altered: which step of a check fails
	BatchID     string `json:"batch_id,omitempty"`
	TxHash      string `json:"tx_hash,omitempty"`
	BlockNumber string `json:"block_number,omitempty"`
}

func (s *Server) proofState(ctx context.Context, h *held) proofState {
	if h.wrong != "" {
		return proofState{Status: statusAltered, Step: h.wrong}
	}
	a := s.anchor(ctx, h.row.ID, anchorOf(h.row))
	if a.Status == statusAltered { // as the ledger may find too, by what was anchored
		return proofState{Status: statusAltered, Step: "leaf"}
	}
	return proofState{Status: a.Status, BatchID: a.BatchID, TxHash: a.TxHash, BlockNumber: a.BlockNumber}
}

// shownReceipt is what a page is made of. A record that was altered has its id and that alone.
type shownReceipt struct {
	SaleID uuid.UUID      `json:"sale_id"`
	Proof  proofState     `json:"proof"`
	Shop   shopfile.Store `json:"shop"`
	Chain  shownChain     `json:"chain"`
	Record *shownRecord   `json:"record,omitempty"`
}

// shownChain is where to ask, and what the shop published.
type shownChain struct {
	RPC          string `json:"rpc,omitempty"`
	Explorer     string `json:"explorer,omitempty"`
	ChainID      string `json:"chain_id,omitempty"`
	Contract     string `json:"contract,omitempty"`
	ContractName string `json:"contract_name,omitempty"`
}

func (s *Server) receiptOf(ctx context.Context, h *held) shownReceipt {
	r := &s.Receipts
	page := shownReceipt{
		SaleID: h.row.ID, Proof: s.proofState(ctx, h),
		Chain: shownChain{RPC: r.RPC, Explorer: r.Explorer, ChainID: r.ChainID, Contract: r.Contract, ContractName: r.Shop.ContractName},
	}
	if page.Proof.Status == statusAltered {
		page.Shop = r.Shop.Of("") // what is stored does not tell of which store it is
		return page
	}
	page.Shop = r.Shop.Of(h.row.Facts.StoreID)
	page.Record = s.shown(h)
	return page
}
