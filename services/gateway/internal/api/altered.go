package api

import (
	"context"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/intact"
)

// statusAltered is an anchor's whose record is not what was recorded and signed.
const statusAltered = "altered"

var (
	errAltered      = refusal.New(refusal.Altered, "what is stored of the record was changed behind the shop's back: an operator must look")
	errAlteredKept  = refusal.New(refusal.Altered, "what is stored under this key was changed behind the shop's back: an operator must look")
	errAlteredChain = refusal.New(refusal.Altered, "what is stored of this terminal's records was changed behind the shop's back: an operator must look")
	errAlteredOf    = refusal.New(refusal.Altered, "what is stored of the customer's points was changed behind the shop's back: an operator must look")
)

// Limits of checks for who reads: they must not take the processors from the tills.
const (
	maxChecking = 1
	checkWithin = 2 * time.Second // to wait for one's turn
)

var errManyChecks = refusal.Later(refusal.StoreUnavailable, retryAfter, "too many records are being read at once: ask again")

// checked checks rows before they are shown.
func (s *Server) checked(c *fiber.Ctx, rows ...*store.Row) (tripwire.Checked, error) {
	ctx, cancel := context.WithTimeout(c.UserContext(), checkWithin)
	defer cancel()
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	case <-ctx.Done():
		return tripwire.Checked{}, errManyChecks
	}
	found, err := s.Wire.Check(c.UserContext(), rows...)
	if err != nil {
		s.warn(c, "the shop's keys", err)
		return found, errStoreAway
	}
	return found, nil
}

// wrongWith says what was altered of a record, its answer and its refunds, "" when all is as it was recorded.
func (s *Server) wrongWith(c *fiber.Ctx, of *store.Row, refunds []*store.Row) (wrong string, err error) {
	found, err := s.checked(c, append([]*store.Row{of}, refunds...)...)
	if err != nil {
		return "", err
	}
	is := found.Of(of)
	if is == nil {
		is = s.Wire.Answer(of)
	}
	for _, r := range refunds {
		if is == nil && found.Of(r) != nil {
			is = fmt.Errorf("of its refund %s: %w", r.Facts.SaleID, found.Of(r))
		}
	}
	if is == nil {
		return "", nil
	}
	return is.Error(), nil
}

// account reads a customer's account and refuses one that is not what the customer's last record says.
func (s *Server) account(c *fiber.Ctx, customerID string) (*store.Account, error) {
	a, last, records, err := s.Store.Account(c.UserContext(), customerID)
	switch {
	case err != nil:
		s.warn(c, "the account", err)
		return nil, errStoreAway
	case a == nil && last.Number == 0:
		return nil, errNoCustomer
	}
	found, err := s.checked(c, records...)
	if err != nil {
		return nil, err
	}
	if a == nil || !found.Account(a, last, records) {
		s.Wire.Alarm.Raise(intact.Account, "last_entry", last.Number, "last_sale_id", last.SaleID.String())
		return nil, errAlteredOf
	}
	return a, nil
}
