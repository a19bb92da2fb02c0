package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/sale"
)

// Limits of a page of entries.
const (
	defaultEntries = 50
	maxEntries     = 200
)

// standing is a customer's account, as any store of the programme sees it.
type standing struct {
	CustomerID    string `json:"customer_id"`
	PointsBalance int64  `json:"points_balance"`
	Purchases     int64  `json:"purchases"`
	Tier          string `json:"tier"`
}

// entry is one movement of a customer's points. Another store's sale_id is left out.
type entry struct {
	SaleID         string `json:"sale_id,omitempty"`
	Kind           string `json:"kind"`
	PurchaseNumber int64  `json:"purchase_number"`
	PointsEarned   int64  `json:"points_earned"`
	PointsRedeemed int64  `json:"points_redeemed"`
	PointsDelta    int64  `json:"points_delta"`
	PointsBalance  int64  `json:"points_balance"`
	RecordedAt     string `json:"recorded_at"`
	RulesVersion   string `json:"rules_version"`
}

type entriesPage struct {
	CustomerID string  `json:"customer_id"`
	Entries    []entry `json:"entries"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

var errNoCustomer = refusal.New(refusal.NotFound, "there is no such customer")

// customer reads the account of the customer in the path.
func (s *Server) customer(c *fiber.Ctx) (*store.Account, error) {
	id := param(c, "id")
	if !sale.ValidCustomerID(id) {
		return nil, errNoCustomer
	}
	return s.account(c, id)
}

// param is a part of the path, unescaped. It is a copy.
func param(c *fiber.Ctx, name string) string {
	text, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return ""
	}
	return string([]byte(text))
}

func (s *Server) loyalty(c *fiber.Ctx) error {
	a, err := s.customer(c)
	if err != nil {
		return err
	}
	return c.JSON(standing{a.CustomerID, a.Balance, a.Purchases, s.Rules.Tier(uint64(a.Purchases))})
}

// entries answers with a page of a customer's entries, newest first. New ones don't shift the pages: a cursor holds the number of the entry
// that its page comes before.
func (s *Server) entries(c *fiber.Ctx) error {
	before, limit, err := pageOf(c)
	if err != nil {
		return err
	}
	a, err := s.customer(c)
	if err != nil {
		return err
	}
	found, listed, err := s.Store.Entries(c.UserContext(), a.CustomerID, before, limit+1) // one more, to know whether a page follows
	if err != nil {
		s.warn(c, "the entries", err)
		return errStoreAway
	}
	if err := s.entriesAgree(c, a, min(before-1, a.Entries), found, listed <= limit && listed == len(found)); err != nil {
		return err
	}
	page := entriesPage{CustomerID: a.CustomerID, Entries: make([]entry, 0, limit)}
	found = found[:min(len(found), limit)]
	if len(found) < listed {
		next := cursor(found[len(found)-1].Number)
		page.NextCursor = &next
	}
	for _, e := range found {
		page.Entries = append(page.Entries, entryOf(&e, terminalOf(c).StoreID))
	}
	return c.JSON(page)
}

func entryOf(e *store.ReadEntry, storeID string) entry {
	f := &e.Record.Facts
	shown := entry{
		Kind: string(f.Kind), PurchaseNumber: int64(f.PurchaseNumber), PointsEarned: e.Record.Earned, PointsRedeemed: e.Record.Redeemed, PointsDelta: e.Delta,
		PointsBalance: e.Balance, RecordedAt: sale.FormatTime(int64(f.RecordedAt)), RulesVersion: e.RulesVersion,
	}
	if f.StoreID == storeID {
		shown.SaleID = f.SaleID
	}
	return shown
}

// entriesAgree refuses entries of which one is missing, or not what its record says. The first must have the number from, or one that was added
// since; where they are the last ones they end with number 1.
func (s *Server) entriesAgree(c *fiber.Ctx, a *store.Account, from int64, found []store.ReadEntry, last bool) error {
	rows := make([]*store.Row, len(found))
	for i := range found {
		rows[i] = found[i].Record
	}
	checked, err := s.checked(c, rows...)
	if err != nil {
		return err
	}
	expected, balance := from, int64(0)
	for i := range found {
		e, f := &found[i], &found[i].Record.Facts
		if i == 0 {
			expected, balance = max(from, e.Number), e.Balance
		}
		if e.Number != expected || e.Balance != balance || checked.Of(e.Record) != nil || f.CustomerID != a.CustomerID || f.PointsDelta != e.Delta ||
			f.PointsBalance != e.Balance {
			s.Wire.Alarm.Raise(intact.Account, "entry", e.Number, "sale_id", f.SaleID)
			return errAlteredOf
		}
		expected, balance = e.Number-1, e.Balance-e.Delta
	}
	if last && (expected > 0 || balance != 0) {
		s.Wire.Alarm.Raise(intact.Account, "missing_entry", expected)
		return errAlteredOf
	}
	return nil
}

func pageOf(c *fiber.Ctx) (before int64, limit int, err error) {
	if limit, err = limitOf(c); err != nil {
		return 0, 0, err
	}
	before = math.MaxInt64
	if c.Context().QueryArgs().Has("cursor") {
		var ok bool
		if before, ok = parseCursor(c.Query("cursor")); !ok {
			return 0, 0, errCursor
		}
	}
	return before, limit, nil
}

var errCursor = refusal.New(refusal.BadRequest, "the parameter cursor is not a next_cursor of this call: start again without it")

// limitOf reads how many entries a page may have.
func limitOf(c *fiber.Ctx) (int, error) {
	if !c.Context().QueryArgs().Has("limit") {
		return defaultEntries, nil
	}
	limit, err := strconv.Atoi(c.Query("limit"))
	if err != nil || limit < 1 || limit > maxEntries {
		return 0, refusal.New(refusal.BadRequest, "the parameter limit must be from 1 to "+strconv.Itoa(maxEntries))
	}
	return limit, nil
}

// cursorForm is the first byte of a cursor, so that another form can follow.
const cursorForm = 1

// cursor is where the entries before number begin. Callers return it unchanged.
func cursor(number int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64([]byte{cursorForm}, uint64(number)))
}

func parseCursor(text string) (number int64, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 9 || raw[0] != cursorForm {
		return 0, false
	}
	number = int64(binary.BigEndian.Uint64(raw[1:]))
	return number, number > 0
}
