package verify_test

import (
	"encoding/base64"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

const (
	jwk     = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}` // RFC 8037, appendix A.2
	nothing = `{"currency":"INR","total":"0","customer_id":"C-1001"}`
)

// key is the record of a key that signs promises.
func key() sale.Sale {
	return sale.Sale{
		SaleID: "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a15", Kind: sale.KindKey, StoreID: sale.Operator, TerminalID: sale.Operator, RecordNumber: 1,
		Currency: money.NoCurrency, Total: "0", RecordedAt: 1795322731123456, RequestHash: sale.Keccak([]byte(jwk)), Salt: sale.Keccak([]byte("salt")),
	}
}

// gift is a sale of nothing.
func gift() sale.Sale {
	facts := tea()
	facts.Total, facts.RequestHash = "0.00", sale.Keccak([]byte(nothing))
	return facts
}

func TestATotalOfZeroIsProvedWithoutARate(t *testing.T) {
	s := setup(t)
	p := s.prove(gift(), nothing, "0", 2)
	require.Contains(t, string(encode(t, p)), `"rate":null`)
	require.True(t, s.verify(encode(t, p)).Valid())
	record := key()
	for _, kind := range []sale.Kind{sale.KindKey, "erasure"} {
		record.Kind = kind
		require.True(t, s.verify(encode(t, s.prove(record, jwk, "0", 1))).Valid(), kind)
	}
}

func TestAnAdjustmentMovesThePointsThatWereAskedFor(t *testing.T) {
	s := setup(t)
	of := func(request string) (step, why string) {
		facts := key()
		facts.Kind, facts.CustomerID, facts.PointsDelta, facts.PointsBalance = sale.KindAdjustment, "C-1001", -50, 93
		facts.RequestHash = sale.Keccak([]byte(request))
		verdict := s.verify(encode(t, s.prove(facts, request, "0", 1)))
		return verdict.Step, verdict.Why
	}
	for request, want := range map[string]string{
		`{"key":"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b","customer_id":"C-1001","points":-50,"reason":"typed in twice","by":"asha"}`: "",
		`{"customer_id":"C-1001","points":-5e1}`:  "",
		`{"customer_id":"C-1001","points":50}`:    "the request has other points",
		`{"customer_id":"C-1001","points":"-50"}`: "the request has other points",
		`{"customer_id":"C-1001"}`:                "the request has other points",
		`{"customer_id":"C-1002","points":-50}`:   "the request has another customer",
		`{"points":-50}`:                          "the request has another customer",
		`[]`:                                      "the request has another customer",
	} {
		step, why := of(request)
		require.Equal(t, want, why, request)
		require.Equal(t, want != "", step == "request", request)
	}
	_, why := of(`{"points":-50,"points":-50}`)
	require.Contains(t, why, "the request is not strict JSON")
}

func TestATotalOfZeroAloneHasNoRateAndNoWei(t *testing.T) {
	s := setup(t)
	sold, zero := s.sold(), s.prove(gift(), nothing, "0", 0)
	for name, c := range map[string]struct {
		proof     event.Proof
		amountWei string
		rate      *event.ProofRate
		why       string
	}{
		"a total of zero with a rate":     {zero, "0", sold.Rate, "the total is 0, which needs no rate, and there is one"},
		"a total of zero with an amount":  {zero, "1", nil, "the total is 0, and amount_wei is 1"},
		"a total of zero with both":       {zero, sold.AmountWei, sold.Rate, "the total is 0, which needs no rate, and there is one"},
		"another total without a rate":    {sold, sold.AmountWei, nil, "there is no rate, and the total is not 0"},
		"another total without an amount": {sold, "0", sold.Rate, "ceil(total * 10^18 / rate) is " + sold.AmountWei + ", not 0"},
		"another total with neither":      {sold, "0", nil, "there is no rate, and the total is not 0"},
	} {
		c.proof.AmountWei, c.proof.Rate = c.amountWei, c.rate
		verdict := s.verify(encode(t, c.proof))
		require.Equal(t, "amount", verdict.Step, name)
		require.Equal(t, c.why, verdict.Why, name)
	}
	for _, rate := range []any{"null", []string{}, map[string]any{}, 0, false} {
		require.Equal(t, "shape", s.verify(change(t, zero, "rate", rate)).Step, "%v", rate)
	}
	require.Equal(t, "shape", s.verify(replace(encode(t, zero), `"rate":null,`, ``)).Step, "it is null, and not left out")
}

func TestARecordThatNoTillSendsIsOfNoCurrency(t *testing.T) {
	s := setup(t)
	for name, spoil := range map[string]func(*sale.Sale){
		"a currency":         func(f *sale.Sale) { f.Currency, f.Total = "INR", "0.00" },
		"a currency's total": func(f *sale.Sale) { f.Currency, f.Total = "JPY", "0" },
		"zero with decimals": func(f *sale.Sale) { f.Total = "0.00" },
		"a total":            func(f *sale.Sale) { f.Total = "1" },
		"another request":    func(f *sale.Sale) { f.RequestHash = common.Hash{1} },
		"a till's kind":      func(f *sale.Sale) { f.Kind = sale.KindSale },
		"a refund's kind":    func(f *sale.Sale) { f.Kind = sale.KindRefund },
	} {
		facts := key()
		spoil(&facts)
		require.Equal(t, "request", s.verify(encode(t, s.prove(facts, jwk, "0", 1))).Step, name)
	}
	require.Equal(t, "request", s.verify(change(t, s.prove(key(), jwk, "0", 1), "request", base64.StdEncoding.EncodeToString([]byte("{}")))).Step)
	for _, kind := range []string{"Key", "gift", ""} {
		require.Equal(t, "shape", s.verify(change(t, s.prove(key(), jwk, "0", 1), "sale.kind", kind)).Step, kind)
	}

	request := `{"currency":"XXX","total":"0"}`
	facts := key()
	facts.Kind, facts.RequestHash = sale.KindSale, sale.Keccak([]byte(request))
	verdict := s.verify(encode(t, s.prove(facts, request, "0", 1)))
	require.Equal(t, "request", verdict.Step)
	require.Equal(t, "the currency is not an ISO 4217 code", verdict.Why)
}
