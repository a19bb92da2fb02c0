package audit_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	opened    = 1_795_322_731_000_000 // recorded_at of the first record is a second later, in Unix microseconds
	rateValue = "254321.17"
	within    = 3600 // seconds of each promise
)

var contract = common.HexToAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3")

// shop makes honest records of four tills, as gateway and anchor would have left them: guests, customers who redeem, refunds in parts, totals of 0.
type shop struct {
	tills, batchOf int
	rules          *loyalty.Rules
	key            *promise.Key

	heads     map[string]*head
	customers map[string]*account
	refunds   map[uuid.UUID]*refundState
	sold      []*record // that may be refunded
	count     int

	days           map[string][]closing.Record // of each till, not closed yet
	closed         map[string]*closedDay
	log            *batchlog.Log
	sales, entries [][]any
	leaves         []leafOf
}

type head struct {
	records uint64
	hash    common.Hash
}

type account struct {
	balance, purchases, entries, last int64
	due                               bool
}

// closedDay is a till's last closing.
type closedDay struct {
	number, to uint64
	at         int64
}

type refundState struct{ total, refunded, clawed, returned int64 }

type record struct {
	facts            sale.Sale
	id               uuid.UUID
	earned, redeemed int64
	minor            int64
}

type leafOf struct {
	id   uuid.UUID
	hash common.Hash
	wei  *big.Int
	zero bool
}

func newShop(t testing.TB) *shop {
	t.Helper()
	rules, err := loyalty.Parse([]byte(loyalty.Default))
	require.NoError(t, err)
	key, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	return &shop{
		tills: 4, batchOf: 20, rules: rules, key: key,
		heads: map[string]*head{}, customers: map[string]*account{}, refunds: map[uuid.UUID]*refundState{},
		days: map[string][]closing.Record{}, closed: map[string]*closedDay{}, log: batchlog.New(),
	}
}

// open writes n records into a database of its own.
func open(t testing.TB, n int) (*shop, testkit.DB) {
	t.Helper()
	s := newShop(t)
	return s, written(t, s, n)
}

// written is a database with n records of a shop.
func written(t testing.TB, s *shop, n int) testkit.DB {
	t.Helper()
	db := testkit.Database(t)
	s.write(t, db.Admin, n)
	return db
}

// next makes the next record of the shop's day.
func (s *shop) next(t testing.TB) {
	n := s.count
	s.count++
	currency, err := money.ParseCurrency("INR")
	require.NoError(t, err)
	minor := money.Minor(10_000 + n%977*10)
	customer := fmt.Sprintf("C-%d", n%(1+s.count/7))
	r := &record{facts: sale.Sale{Kind: sale.KindSale, Currency: "INR"}}
	request := ""
	switch {
	case n%11 == 10 && len(s.sold) > 0: // a part of an earlier sale
		of := s.sold[n%len(s.sold)]
		state := s.refunds[of.id]
		if state == nil {
			state = &refundState{total: of.minor}
			s.refunds[of.id] = state
		}
		minor = money.Minor(min(of.minor/3+1, of.minor-state.refunded))
		if minor <= 0 {
			s.sell(r, customer, minor+500, &request, currency, n)
			minor += 500
			break
		}
		s.refund(r, of, state, minor)
		request = fmt.Sprintf(`{"kind":"refund","refund_of":%q,"currency":"INR","total":%q}`, of.facts.SaleID, currency.Format(minor))
	case n%13 == 12:
		minor = 0
		request = `{"currency":"INR","total":"0"}`
	case n%3 == 0:
		request = fmt.Sprintf(`{"currency":"INR","total":%q,"external_ref":"INV-%d","terminal_seq":%d,"occurred_at":"2026-11-22T10:15:30+05:30"}`,
			currency.Format(minor), n, n)
	default:
		s.sell(r, customer, minor, &request, currency, n)
	}
	s.record(t, r, minor, currency, request, n)
}

func (s *shop) sell(r *record, customer string, minor money.Minor, request *string, currency money.Currency, n int) {
	a := s.customers[customer]
	if a == nil {
		a = &account{}
		s.customers[customer] = a
	}
	if n%5 == 1 && a.balance > 20 {
		r.redeemed = 20
	}
	worth, _ := s.rules.Worth(currency, r.redeemed)
	a.purchases++
	due := a.due || a.purchases == 1
	base, _ := s.rules.Base(minor, worth, nil)
	r.earned, _ = s.rules.Earn(currency, base, uint64(a.purchases), due)
	a.due = due && base == 0
	r.facts.CustomerID, r.facts.PurchaseNumber = customer, uint64(a.purchases)
	redeem := ""
	if r.redeemed > 0 {
		redeem = fmt.Sprintf(`,"redeem_points":%d`, r.redeemed)
	}
	*request = fmt.Sprintf(`{"currency":"INR","total":%q,"customer_id":%q%s,"lines":[{"sku":"TEA-250","name":"Assam tea","amount":%q}]}`,
		currency.Format(minor), customer, redeem, currency.Format(minor))
}

func (s *shop) refund(r *record, of *record, state *refundState, minor money.Minor) {
	state.refunded += int64(minor)
	clawed := loyalty.Share(of.earned, money.Minor(state.refunded), money.Minor(state.total))
	returned := loyalty.Share(of.redeemed, money.Minor(state.refunded), money.Minor(state.total))
	r.earned, r.redeemed = state.clawed-clawed, state.returned-returned
	state.clawed, state.returned = clawed, returned
	r.facts.Kind, r.facts.RefundOf, r.facts.CustomerID = sale.KindRefund, of.facts.SaleID, of.facts.CustomerID
}

// record chains, hashes and signs a record, and has its leaf made.
func (s *shop) record(t testing.TB, r *record, minor money.Minor, currency money.Currency, request string, n int) {
	f := &r.facts
	f.StoreID, f.TerminalID, f.Total = "s1", fmt.Sprintf("t%d", 1+n%s.tills), currency.Format(minor)
	h := s.heads[f.TerminalID]
	if h == nil {
		h = &head{}
		s.heads[f.TerminalID] = h
	}
	h.records++
	r.id, r.minor = uuid.Must(uuid.NewV7()), int64(minor)
	at := int64(opened) + int64(n+1)*1_000_000
	f.SaleID, f.RecordNumber, f.PreviousHash, f.RecordedAt = r.id.String(), h.records, h.hash, uint64(at)
	f.RequestHash, f.Salt = sale.Keccak([]byte(request)), sale.Keccak([]byte(f.SaleID))
	f.PointsDelta = r.earned - r.redeemed
	var of *uuid.UUID
	if f.RefundOf != "" {
		of = new(uuid.MustParse(f.RefundOf))
	}
	var version *string
	points := "null"
	if f.CustomerID != "" {
		a := s.customers[f.CustomerID]
		a.balance, a.entries, a.last = a.balance+f.PointsDelta, a.entries+1, at
		f.PointsBalance, version = a.balance, &s.rules.Version
		s.entries = append(s.entries, []any{f.CustomerID, a.entries, r.id, f.PointsDelta, a.balance, s.rules.Version})
		points = fmt.Sprintf(`{"customer_id":%q,"purchase_number":%d,"first_purchase":%t,"points_earned":%d,"points_redeemed":%d,"points_balance":%d}`,
			f.CustomerID, f.PurchaseNumber, f.PurchaseNumber == 1, r.earned, r.redeemed, a.balance)
	}
	hash := f.Hash()
	h.hash = hash
	iat := time.UnixMicro(at).Unix()
	signed := s.key.SignSale(promise.Sale{
		Issuer: "https://shop.example", SaleID: f.SaleID, SaleHash: hash, StoreID: f.StoreID, TerminalID: f.TerminalID, RecordNumber: f.RecordNumber,
		IssuedAt: iat, AnchorBy: iat + within,
	})
	answer := fmt.Sprintf(`{"sale_id":%q,"kind":%q,"store_id":"s1","terminal_id":%q,"recorded_at":%q,"currency":"INR","total":%q,"loyalty":%s,`+
		`"record_number":%d,"previous_hash":%q,"anchor":{"status":"pending","sale_hash":%q,"proof_url":"/sales/%s/proof"},"promise":%q,`+
		`"receipt_url":"/receipts/%s?t=token"}`, f.SaleID, f.Kind, f.TerminalID, sale.FormatTime(at), f.Total, points, f.RecordNumber, f.PreviousHash.Hex(),
		hash.Hex(), f.SaleID, signed, f.SaleID)
	var seq *int64
	var occurred, ref *string
	if f.CustomerID == "" && f.Kind == sale.KindSale && minor > 0 {
		seq, occurred, ref = new(int64(n)), new("2026-11-22T10:15:30+05:30"), new(fmt.Sprintf("INV-%d", n))
	}
	s.sales = append(s.sales, []any{
		r.id, string(f.Kind), of, "s1", f.TerminalID, f.TerminalID, int64(h.records), f.PreviousHash.Bytes(), uuid.New(), seq, occurred, ref, null(f.CustomerID),
		"INR", f.Total, int64(minor), r.earned, r.redeemed, f.PointsDelta, f.PointsBalance, int64(f.PurchaseNumber), version, at, []byte(request),
		make([]byte, 32), f.Salt.Bytes(), hash.Bytes(), "token", []byte(answer),
	})
	if s.days != nil {
		s.days[f.TerminalID] = append(s.days[f.TerminalID], closing.Record{
			Number: f.RecordNumber, Kind: f.Kind, Currency: "INR", Total: f.Total, Earned: r.earned, Redeemed: r.redeemed, OccurredAt: text(occurred),
			TerminalSeq: seq, RecordedAtUS: at, Hash: hash, Request: []byte(request),
		})
	}
	if f.Kind == sale.KindSale && minor > 0 {
		s.sold = append(s.sold, r)
	}
	wei := new(big.Int)
	if minor > 0 {
		total, err := money.ParseDecimal(f.Total)
		require.NoError(t, err)
		rate, err := money.ParseDecimal(rateValue)
		require.NoError(t, err)
		wei = money.Wei(total, rate)
	}
	s.leaves = append(s.leaves, leafOf{r.id, hash, wei, minor == 0})
}

func text(of *string) string {
	if of == nil {
		return ""
	}
	return *of
}

func null(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
