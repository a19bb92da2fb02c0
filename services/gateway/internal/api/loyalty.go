package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
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
func (s *Server) customer(c *fiber.Ctx) (string, store.Standing, error) {
	id := param(c, "id")
	if !sale.ValidCustomerID(id) {
		return "", store.Standing{}, errNoCustomer
	}
	found, ok, err := s.Store.Standing(c.UserContext(), id)
	switch {
	case err != nil:
		s.warn(c, "the account", err)
		return "", store.Standing{}, errStoreAway
	case !ok:
		return "", store.Standing{}, errNoCustomer
	}
	return id, found, nil
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
	id, found, err := s.customer(c)
	if err != nil {
		return err
	}
	return c.JSON(standing{id, found.Balance, found.Purchases, s.Rules.Tier(uint64(found.Purchases))})
}

// entries answers with a page of a customer's entries, newest first. New ones don't shift the pages: a cursor holds the number of the entry
// that its page comes before.
func (s *Server) entries(c *fiber.Ctx) error {
	before, limit, err := pageOf(c)
	if err != nil {
		return err
	}
	id, _, err := s.customer(c)
	if err != nil {
		return err
	}
	found, err := s.Store.Entries(c.UserContext(), id, terminalOf(c).StoreID, before, limit+1) // one more, to know whether a page follows
	if err != nil {
		s.warn(c, "the entries", err)
		return errStoreAway
	}
	page := entriesPage{CustomerID: id, Entries: make([]entry, 0, limit)}
	if len(found) > limit {
		found = found[:limit]
		next := cursor(found[limit-1].Number)
		page.NextCursor = &next
	}
	for _, e := range found {
		shown := entry{
			Kind: e.Kind, PurchaseNumber: e.PurchaseNumber, PointsEarned: e.Earned, PointsRedeemed: e.Redeemed, PointsDelta: e.Delta,
			PointsBalance: e.Balance, RecordedAt: sale.FormatTime(e.RecordedAtUS), RulesVersion: e.RulesVersion,
		}
		if e.SaleID != uuid.Nil {
			shown.SaleID = e.SaleID.String()
		}
		page.Entries = append(page.Entries, shown)
	}
	return c.JSON(page)
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
