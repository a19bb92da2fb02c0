package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
)

// shownReceipt is what a receipt's page is made of.
type shownReceipt struct {
	SaleID string `json:"sale_id"`
	Proof  struct {
		Status, Step string
		BatchID      string `json:"batch_id"`
	}
	Shop struct {
		Name     string
		Address  []string
		TimeZone string `json:"time_zone"`
	}
	Chain struct {
		RPC, Explorer, Contract string
		ChainID                 string `json:"chain_id"`
		ContractName            string `json:"contract_name"`
	}
	Record *struct {
		Kind, Currency, Total, Reference string
		Digits                           int
		SaleHash                         string `json:"sale_hash"`
		Promise                          string
		RecordedAt                       string `json:"recorded_at"`
		OccurredAt                       string `json:"occurred_at"`
		Offline                          bool
		RefundOf                         string `json:"refund_of"`
		Lines                            []event.Line
		Tenders                          []event.Tender
		Points                           *struct {
			Earned, Redeemed, Shortfall int64
			Worth                       string
			Balance                     *int64
			CustomerID                  string `json:"customer_id"`
		}
	}
}

var receiptData = regexp.MustCompile(`(?s)<script type="application/json" id="receipt">(.*?)</script>`)

// readReceipt reads what a page has for its script, strictly.
func readReceipt(t *testing.T, page reply) shownReceipt {
	t.Helper()
	require.Equal(t, 200, page.Status)
	found := receiptData.FindSubmatch(page.Body)
	require.NotNil(t, found, "%s", page.Body)
	var r shownReceipt
	require.NoError(t, json.Unmarshal(found[1], &r), "%s", found[1])
	return r
}

// holder asks for what a receipt's holder may, call being "", "/status" or "/proof".
func (shop *shop) holder(sold answer, call string, headers ...string) reply {
	path := strings.Replace(sold.ReceiptURL, "?", call+"?", 1)
	return shop.till.do("GET", path, "", append(headers, "Authorization", "")...)
}

func TestAReceiptIsShownToWhoeverHoldsItsToken(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"1000","customer_id":"SECRET-1","note":"not for the finder","metadata":{"table":"hidden"},
		"tenders":[{"type":"<i>cash</i>","amount":"1000"}],"lines":[{"name":"</script><script>alert(1)</script>","quantity":"2","unit_price":"500"}]}`)
	page := shop.holder(sold, "")
	require.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	require.Equal(t, 3, bytes.Count(page.Body, []byte("</script>")), "none is of the line's name")
	shown := readReceipt(t, page)
	require.Equal(t, sold.SaleID, shown.SaleID)
	require.Equal(t, "unknown", shown.Proof.Status, "there is no ledger")
	require.Equal(t, sold.Anchor.SaleHash, shown.Record.SaleHash)
	require.Equal(t, sold.Promise, shown.Record.Promise)
	require.Equal(t, sold.RecordedAt, shown.Record.RecordedAt)
	require.Equal(t, "</script><script>alert(1)</script>", shown.Record.Lines[0].Name)
	require.Equal(t, "<i>cash</i>", shown.Record.Tenders[0].Type)
	require.Equal(t, int64(150), shown.Record.Points.Earned)
	for _, hidden := range []string{"SECRET-1", "not for the finder", "hidden", "salt", "balance", "http://", "https://"} {
		require.NotContains(t, string(page.Body), hidden)
	}

	path, token, _ := strings.Cut(sold.ReceiptURL, "?t=")
	for _, call := range []string{"", "/status", "/proof"} {
		for _, wrong := range []string{
			path + call, path + call + "?t=", path + call + "?t=" + token[1:], path + call + "?t=" + strings.ToUpper(token),
			"/receipts/" + uuid.NewString() + call + "?t=" + token, "/receipts/x" + call + "?t=" + token,
		} {
			refuses(t, shop.till.do("GET", wrong, "", "Authorization", ""), 404, refusal.NotFound)
		}
	}
	_, refund := shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"10"}`)
	require.Equal(t, sold.SaleID, readReceipt(t, shop.holder(refund, "")).Record.RefundOf)
	_, loose := shop.till.sell(newKey(), `{"kind":"refund","currency":"JPY","total":"10"}`)
	of := readReceipt(t, shop.holder(loose, "")).Record
	require.Equal(t, []any{"refund", "", 0}, []any{of.Kind, of.RefundOf, of.Digits})
	require.Nil(t, of.Points)

	require.NoError(t, shop.gates[0].stop())
	require.NotContains(t, shop.gates[0].log.String(), token, "it is in no log")
}

func TestAReceiptFollowsItsProofAndGivesItToItsHolder(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	refuses(t, shop.holder(sold, "/proof"), 503, refusal.LedgerAway)
	mined := false
	stop, err := provingLedger(shop, func() bool { return mined })
	require.NoError(t, err)
	defer stop()
	require.Equal(t, "mined", readReceipt(t, shop.holder(sold, "")).Proof.Status)
	require.Contains(t, string(shop.holder(sold, "/status").Body), `"status":"mined","batch_id":"12","tx_hash":"0x`)
	refuses(t, shop.holder(sold, "/proof"), 409, refusal.NotAnchoredYet)
	mined = true
	proof := shop.holder(sold, "/proof")
	require.Equal(t, 200, proof.Status)
	require.Equal(t, `attachment; filename="proof-`+sold.SaleID+`.json"`, proof.Header.Get("Content-Disposition"))
	require.Equal(t, sold.SaleID, read[event.Proof](t, proof).Sale.SaleID)
	for _, call := range []string{"", "/status", "/proof"} {
		h := shop.holder(sold, call).Header
		require.Equal(t, "no-store", h.Get("Cache-Control"), "the token and the salt are in no cache")
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), "nor in a referrer")
	}
}

func TestAReceiptMayAskTheGatewayAndTheNodesThatWereNamedAndNobodyElse(t *testing.T) {
	shop := setup(t, func(c *gateway.Config) {
		c.PublicRPC, c.Explorer = "https://rpc.example/v3/public-key", "https://explorer.example/"
		c.PublicContract = "eip155:1:0x5FbDB2315678afecb367f032d93F642f64180aa3"
	})
	_, sold := shop.till.sell(newKey(), tea)
	connects := func(query string) string {
		h := shop.till.do("GET", sold.ReceiptURL+query, "", "Authorization", "").Header.Get("Content-Security-Policy")
		require.Contains(t, h, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src ")
		require.NotContains(t, h, "unsafe")
		_, sources, _ := strings.Cut(h, "connect-src ")
		sources, _, _ = strings.Cut(sources, ";")
		return sources
	}
	require.Equal(t, "'self' https://rpc.example", connects(""))
	require.Equal(t, "'self' https://rpc.example http://127.0.0.1:8545", connects("&node=http://127.0.0.1:8545"))
	for _, wrong := range []string{
		"rpc.example", "ftp://rpc.example", "https://", "https://rpc.example/v3", "https://me@rpc.example", "https://rpc.example%3B%20script-src%20*",
		"https://*", "https://*.example", "https://rpc.example%20http://other.example", "https://rpc.example%0d%0aX:%20y", "https://-x", "javascript:1",
		"http://[::1]:8545", "https://rpc.example:99999", "https://rpc.example:",
	} {
		refuses(t, shop.till.do("GET", sold.ReceiptURL+"&node="+wrong, "", "Authorization", ""), 400, refusal.BadRequest)
	}
	shown := readReceipt(t, shop.holder(sold, "")).Chain
	require.Equal(t, "https://rpc.example/v3/public-key", shown.RPC)
	require.Equal(t, "https://explorer.example", shown.Explorer)
	require.Equal(t, []string{"1", "0x5FbDB2315678afecb367f032d93F642f64180aa3"}, []string{shown.ChainID, shown.Contract})
}

func TestAReceiptSaysWhoseItIsAndOfTheCustomerWhatTheShopAllows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"name":"Chai","address":["12 MG Road"],"time_zone":"Asia/Kolkata","contract_name":"tillseal.chai.example",
		"show_customer":true,"show_balance":true,"stores":{"s2":{"name":"Chai, Pune"}}}`), 0o600))
	shop := setup(t, func(c *gateway.Config) { c.ReceiptShop = file })
	_, redeemed := shop.till.sell(newKey(), `{"currency":"INR","total":"100","customer_id":"C-7","redeem_points":8,"offline":true,
		"occurred_at":"2026-11-22T10:15:30+05:30","external_ref":"INV-1"}`)
	shown := readReceipt(t, shop.holder(redeemed, ""))
	require.Equal(t, "Chai", shown.Shop.Name)
	require.Equal(t, "Asia/Kolkata", shown.Shop.TimeZone)
	require.Equal(t, "tillseal.chai.example", shown.Chain.ContractName)
	points := shown.Record.Points
	require.Equal(t, "C-7", points.CustomerID)
	require.Equal(t, redeemed.Loyalty.PointsBalance, *points.Balance)
	require.Equal(t, int64(8), points.Shortfall)
	require.Equal(t, "2.00", points.Worth)
	require.Equal(t, []any{"INV-1", "2026-11-22T10:15:30+05:30", true}, []any{shown.Record.Reference, shown.Record.OccurredAt, shown.Record.Offline})

	pune := shop.newTill("s2", "t2")
	_, sold := pune.sell(newKey(), tea)
	require.Equal(t, "Chai, Pune", readReceipt(t, shop.holder(sold, "")).Shop.Name)

	rules := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(rules, []byte(strings.Replace(goldRules, `"point_worth":{}`, `"point_worth":{"INR":"9"}`, 1)), 0o600))
	later := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.LoyaltyRules = rules }))
	require.Empty(t, readReceipt(t, later.do("GET", redeemed.ReceiptURL, "", "Authorization", "")).Record.Points.Worth, "what a point was worth it does not know")
}

func TestABrowserIsToldOnAPageWhyThereIsNoReceipt(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		sold.ReceiptURL + "x":        {404, "NOT_FOUND"},
		sold.ReceiptURL + "&node=no": {400, "BAD_REQUEST"},
	} {
		page := shop.till.do("GET", path, "", "Authorization", "", "Accept", browser)
		require.Equal(t, want.status, page.Status)
		require.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
		require.Contains(t, string(page.Body), `id="refused">{"code":"`+want.code+`"}<`)
		require.Contains(t, string(page.Body), `id="receipt"> null <`)
		require.Contains(t, page.Header.Get("Content-Security-Policy"), "connect-src 'self';")
	}
}

func TestThePagesPartsAreKeptForEverAndSentCompressed(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	parts := regexp.MustCompile(`/assets/[^"]+`).FindAllString(string(shop.holder(sold, "").Body), -1)
	require.Len(t, parts, 3)
	sent := 0
	for _, part := range parts {
		plain := shop.till.do("GET", part, "", "Authorization", "", "Accept-Encoding", "identity")
		require.Equal(t, 200, plain.Status)
		require.Equal(t, "public, max-age=31536000, immutable", plain.Header.Get("Cache-Control"))
		zipped := shop.till.do("GET", part, "", "Authorization", "", "Accept-Encoding", "br, gzip")
		require.Equal(t, "gzip", zipped.Header.Get("Content-Encoding"))
		require.Equal(t, "Accept-Encoding", zipped.Header.Get("Vary"))
		r, err := gzip.NewReader(bytes.NewReader(zipped.Body))
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, plain.Body, text)
		sent += len(zipped.Body)
	}
	const most = 150 << 10
	require.Less(t, sent, most)
	refuses(t, shop.till.do("GET", "/assets/receipt.js", "", "Authorization", ""), 404, refusal.NotFound)
}

func TestAnyPageMayReadTheShopsKeysAndNothingElse(t *testing.T) {
	shop := setup(t)
	for path, want := range map[string]string{"/.well-known/jwks.json": "*", "/openapi.json": ""} {
		r := shop.till.do("GET", path, "", "Authorization", "", "Origin", "null")
		require.Equal(t, 200, r.Status, path)
		require.Equal(t, want, r.Header.Get("Access-Control-Allow-Origin"), path)
	}
}
