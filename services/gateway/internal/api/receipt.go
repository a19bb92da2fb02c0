package api

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	_ "embed" // the page
	"html/template"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

//go:embed receipt.html
var receiptHTML string

var (
	receiptPage = template.Must(template.New("receipt").Parse(receiptHTML))

	// errNoReceipt is the same for a receipt that does not exist and for a wrong token.
	errNoReceipt    = refusal.New(refusal.NotFound, "there is no receipt at this address")
	errManyReceipts = refusal.Later(refusal.RateLimited, time.Second, "too many receipts are being requested: try again")
)

// receiptPolicy lets the page load and run nothing. The token is in its address, so the page must neither be cached (no-store, as everywhere)
// nor named to others (Referrer-Policy).
const receiptPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// means is what an anchor's status means to a shopper.
var means = map[string]string{
	"pending":   "recorded, and waiting for its batch",
	"parked":    "recorded, and held back until an operator of the shop acts",
	"batched":   "in a batch that is about to be anchored",
	"broadcast": "in a batch whose transaction is on its way to Ethereum",
	"mined":     "anchored on Ethereum; the block can still change",
	"final":     "anchored on Ethereum for good",
}

type receipt struct {
	Title      string
	Altered    bool // what is stored is not what was recorded: nothing of it is shown
	Total      string
	Currency   string
	StoreID    string
	TerminalID string
	Customer   bool // whether the record moved a customer's points
	Earned     int64
	Redeemed   int64
	Balance    int64
	Refund     bool
	SaleID     uuid.UUID
	RecordedAt string
	Returned   string // the sale that a refund is of, or that it is of none
	Reference  string
	OccurredAt string // by the till's clock; "" where it did not say
	Offline    bool
	Shortfall  int64 // points that were redeemed beyond the balance
	Lines      []slipLine
	Tenders    []slipTender
	Anchor     record.Anchor
	Means      string
}

// receipt shows a record to whoever holds its token.
func (s *Server) receipt(c *fiber.Ctx) error {
	if !s.receipts.Allow() {
		return errManyReceipts
	}
	id, ok := record.ParseID(param(c, "id"))
	token := c.Query("t")
	if !ok || token == "" {
		return errNoReceipt
	}
	found, kept, err := s.Store.Receipt(c.UserContext(), id)
	switch {
	case err != nil:
		s.warn(c, "the receipt", err)
		return errStoreAway
	case found == nil || subtle.ConstantTimeCompare([]byte(kept), []byte(token)) != 1:
		return errNoReceipt
	}
	checked, err := s.checked(c, found)
	if err != nil {
		return err
	}
	page := receipt{Title: "This receipt can't be shown", SaleID: id, Altered: true}
	if checked.Of(found) == nil {
		if shown := s.receiptOf(c, found); shown.Anchor.Status != statusAltered { // as the ledger may find too, by what was anchored
			page = shown
		}
	}
	return showPage(c, page)
}

// receiptOf is the page of an intact record.
func (s *Server) receiptOf(c *fiber.Ctx, found *store.Row) receipt {
	f := &found.Facts
	page := receipt{
		Title: "Receipt", Refund: f.Kind == sale.KindRefund, SaleID: found.ID, RecordedAt: sale.FormatTime(int64(f.RecordedAt)),
		Total: f.Total, Currency: f.Currency, StoreID: f.StoreID, TerminalID: found.Under.TerminalID, Customer: f.CustomerID != "",
		Earned: found.Earned, Redeemed: found.Redeemed, Balance: f.PointsBalance, Anchor: s.anchor(c.UserContext(), found.ID, anchorOf(found)),
	}
	if page.Refund {
		page.Title, page.Returned = "Receipt of a refund", cmp.Or(f.RefundOf, "a purchase whose receipt was not shown")
	}
	if !page.Refund {
		page.Shortfall = max(0, found.Redeemed-max(0, f.PointsBalance-found.Earned+found.Redeemed))
	}
	if page.Means = means[page.Anchor.Status]; page.Means == "" {
		page.Means = "not known at the moment"
	}
	if sent, err := event.SentOf(found.Request); err == nil { // it was valid when it was recorded; otherwise the page is shown without lines
		page.Reference, page.OccurredAt, page.Offline = sent.ExternalRef, sent.OccurredAt, sent.Offline
		page.Lines, page.Tenders = slipLines(sent.Lines, f.Currency), slipTenders(sent.Tenders)
	}
	return page
}

func showPage(c *fiber.Ctx, page receipt) error {
	var html bytes.Buffer
	if err := receiptPage.Execute(&html, page); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Set(fiber.HeaderContentSecurityPolicy, receiptPolicy)
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("X-Robots-Tag", "noindex")
	c.Response().SetBodyRaw(html.Bytes())
	return nil
}
