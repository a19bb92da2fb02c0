package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/sale"
)

// summary is a record in a list. What it does not have is left out.
type summary struct {
	SaleID       string `json:"sale_id"`
	Kind         string `json:"kind"`
	TerminalID   string `json:"terminal_id"` // with its series, as it is hashed
	RecordNumber int64  `json:"record_number"`
	RecordedAt   string `json:"recorded_at"`
	Currency     string `json:"currency"`
	Total        string `json:"total"`
	RefundOf     string `json:"refund_of,omitempty"`
	CustomerID   string `json:"customer_id,omitempty"`
	ExternalRef  string `json:"external_ref,omitempty"`
	TerminalSeq  *int64 `json:"terminal_seq,omitempty"`
	OccurredAt   string `json:"occurred_at,omitempty"`
	SaleHash     string `json:"sale_hash"`
	Altered      bool   `json:"altered,omitempty"` // what is stored is not what was recorded: none of the above can be relied on
}

type salesPage struct {
	Sales      []summary `json:"sales"`
	NextCursor *string   `json:"next_cursor"` // null on the last page
}

// sales answers with a page of the store's records, newest first. New ones don't shift the pages: a cursor holds the place of the record that its
// page comes before.
func (s *Server) sales(c *fiber.Ctx) error {
	wanted, err := listingOf(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c)
	if err != nil {
		return err
	}
	found, listed, err := s.Store.Sales(c.UserContext(), &wanted, limit+1) // one more, to know whether a page follows
	if err != nil {
		s.warn(c, "the sales", err)
		return errStoreAway
	}
	page := salesPage{Sales: make([]summary, 0, limit)}
	found = found[:min(len(found), limit)]
	if len(found) < listed {
		next := salesCursor(found[len(found)-1].Place())
		page.NextCursor = &next
	}
	checked, err := s.checked(c, found...)
	if err != nil {
		return err
	}
	for _, r := range found {
		page.Sales = append(page.Sales, summaryOf(r, checked.Of(r) != nil))
	}
	return c.JSON(page)
}

func summaryOf(r *store.Row, altered bool) summary {
	f := &r.Facts
	return summary{
		SaleID: f.SaleID, Kind: string(f.Kind), TerminalID: f.TerminalID, RecordNumber: int64(f.RecordNumber), RecordedAt: sale.FormatTime(int64(f.RecordedAt)),
		Currency: f.Currency, Total: f.Total, RefundOf: f.RefundOf, CustomerID: f.CustomerID, ExternalRef: r.ExternalRef, TerminalSeq: r.TerminalSeq,
		OccurredAt: r.OccurredAt, SaleHash: common.BytesToHash(r.SaleHash).Hex(), Altered: altered,
	}
}

var errExternalRef = refusal.New(refusal.BadRequest,
	"the parameter external_ref is not one of a record: 1 to 64 characters, not only spaces and without control characters")

func listingOf(c *fiber.Ctx) (l store.Listing, err error) {
	l = store.Listing{StoreID: terminalOf(c).StoreID, SinceUS: math.MinInt64, Before: store.Place{RecordedAtUS: math.MaxInt64}}
	if c.Context().QueryArgs().Has("external_ref") { // an empty one is a till's mistake, as is that of each other parameter, and would list all
		if l.ExternalRef = string([]byte(c.Query("external_ref"))); !record.ValidExternalRef(l.ExternalRef) {
			return l, errExternalRef
		}
	}
	if l.Chain, err = chainOf(c); err != nil {
		return l, err
	}
	if l.SinceUS, err = momentOf(c, "from", l.SinceUS); err != nil {
		return l, err
	}
	if l.Before.RecordedAtUS, err = momentOf(c, "to", l.Before.RecordedAtUS); err != nil {
		return l, err
	}
	if c.Context().QueryArgs().Has("cursor") {
		at, ok := parseSalesCursor(c.Query("cursor"))
		if !ok {
			return l, errCursor
		}
		if at.RecordedAtUS < l.Before.RecordedAtUS { // otherwise the time given alone comes before it
			l.Before = at
		}
	}
	return l, nil
}

// momentOf reads a time in Unix microseconds: the first that is not before the time given.
func momentOf(c *fiber.Ctx, name string, otherwise int64) (int64, error) {
	if !c.Context().QueryArgs().Has(name) {
		return otherwise, nil
	}
	sent := c.Query(name)
	t, ok := record.ParseTime(sent)
	if !ok {
		return 0, refusal.New(refusal.BadRequest, "the parameter "+name+
			" is not an RFC 3339 time with an offset, such as 2026-11-22T10:15:30+05:30, whose + is written %2B in an address")
	}
	return t.Add(time.Microsecond - time.Nanosecond).UnixMicro(), nil
}

// salesCursorForm is the first byte of a cursor of this call.
const salesCursorForm = 3

func salesCursor(of store.Place) string {
	raw := binary.BigEndian.AppendUint64([]byte{salesCursorForm}, uint64(of.RecordedAtUS))
	raw = binary.BigEndian.AppendUint64(raw, uint64(of.Number))
	return base64.RawURLEncoding.EncodeToString(append(raw, of.Chain...))
}

func parseSalesCursor(text string) (at store.Place, ok bool) {
	const number, chain = 9, 17
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= chain || raw[0] != salesCursorForm || !chainForm.Match(raw[chain:]) {
		return at, false
	}
	at = store.Place{
		RecordedAtUS: int64(binary.BigEndian.Uint64(raw[1:number])), Chain: string(raw[chain:]), Number: int64(binary.BigEndian.Uint64(raw[number:chain])),
	}
	return at, at.RecordedAtUS > 0 && at.Number > 0
}
