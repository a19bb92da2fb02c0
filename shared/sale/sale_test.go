package sale_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/sale"
)

type vectors struct {
	Type     string
	TypeHash common.Hash `json:"type_hash"`
	Vectors  []struct {
		Request  string
		Sale     sale.Sale
		SaleHash common.Hash `json:"sale_hash"`
	}
}

func load(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/sales.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(raw, &v))
	require.NotEmpty(t, v.Vectors)
	return v
}

func TestHashesAgreeWithEthers(t *testing.T) {
	file := load(t)
	require.Equal(t, file.Type, sale.Type)
	require.Equal(t, file.TypeHash, sale.TypeHash)
	for _, v := range file.Vectors {
		require.Equal(t, v.Sale.RequestHash, sale.Keccak([]byte(v.Request)))
		require.Equal(t, v.SaleHash, v.Sale.Hash(), v.Sale.SaleID)
	}
}

func TestEachFactIsPartOfTheHash(t *testing.T) {
	for name, change := range map[string]func(*sale.Sale){
		"saleId": func(s *sale.Sale) { s.SaleID += "0" }, "kind": func(s *sale.Sale) { s.Kind += "s" },
		"refundOf": func(s *sale.Sale) { s.RefundOf += "0" }, "storeId": func(s *sale.Sale) { s.StoreID += "0" },
		"terminalId":   func(s *sale.Sale) { s.TerminalID += "0" },
		"recordNumber": func(s *sale.Sale) { s.RecordNumber++ }, "previousHash": func(s *sale.Sale) { s.PreviousHash[31] ^= 1 },
		"customerId": func(s *sale.Sale) { s.CustomerID += "0" },
		"currency":   func(s *sale.Sale) { s.Currency = "XXX" }, "total": func(s *sale.Sale) { s.Total += "0" },
		"pointsDelta": func(s *sale.Sale) { s.PointsDelta = -s.PointsDelta - 1 }, "pointsBalance": func(s *sale.Sale) { s.PointsBalance++ },
		"purchaseNumber": func(s *sale.Sale) { s.PurchaseNumber++ }, "recordedAt": func(s *sale.Sale) { s.RecordedAt++ },
		"requestHash": func(s *sale.Sale) { s.RequestHash[31] ^= 1 }, "salt": func(s *sale.Sale) { s.Salt[0] ^= 1 },
	} {
		for _, v := range load(t).Vectors {
			change(&v.Sale)
			require.NotEqual(t, v.SaleHash, v.Sale.Hash(), name)
		}
	}
}

func TestASaleSurvivesItsProofForm(t *testing.T) {
	for _, v := range load(t).Vectors {
		raw, err := json.Marshal(v.Sale)
		require.NoError(t, err)
		var again sale.Sale
		require.NoError(t, json.Unmarshal(raw, &again))
		require.Equal(t, v.Sale, again)
	}
	var s sale.Sale
	require.ErrorContains(t, json.Unmarshal([]byte(`{"pointsDelta":"0","pointsBalance":"0","purchaseNumber":"-1","recordedAt":"0","recordNumber":"1"}`), &s),
		"purchaseNumber")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"pointsDelta":"0","pointsBalance":"0","purchaseNumber":"1","recordedAt":"0"}`), &s), "recordNumber")
}

func TestIdentifiersHaveTheirForms(t *testing.T) {
	require.True(t, sale.ValidPlaceID("till-5"))
	require.True(t, sale.ValidCustomerID("C-1001.a:b@c+d_"))
	for _, id := range []string{"", "S1", "a.b", "a b", "a>", "a*", "é", "0123456789012345678901234567890123"} {
		require.False(t, sale.ValidPlaceID(id), id)
	}
	for _, id := range []string{"", "a b", "a/b", "é", "a\x00"} {
		require.False(t, sale.ValidCustomerID(id), id)
	}
	require.Equal(t, "2026-11-22T04:45:31.123456Z", sale.FormatTime(1795322731123456))
}

func TestARowIsIntactUntilAnythingThatIsHashedChanges(t *testing.T) {
	request, salt := []byte(`{"total":"1.00"}`), bytes.Repeat([]byte{7}, 32)
	facts := sale.Sale{
		SaleID: "a", Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", CustomerID: "C-1", Currency: "INR", Total: "1.00", PointsDelta: 1, PointsBalance: 2,
		PurchaseNumber: 3, RecordedAt: 4, RecordNumber: 5,
	}
	hashed := facts
	hashed.RequestHash, hashed.Salt = sale.Keccak(request), common.BytesToHash(salt)
	hash := hashed.Hash()
	require.True(t, sale.Intact(facts, request, salt, hash[:]))
	for name, spoil := range map[string]func(*sale.Sale){
		"saleId": func(s *sale.Sale) { s.SaleID = "b" }, "kind": func(s *sale.Sale) { s.Kind = sale.KindRefund }, "refundOf": func(s *sale.Sale) { s.RefundOf = "b" },
		"storeId": func(s *sale.Sale) { s.StoreID = "s2" }, "terminalId": func(s *sale.Sale) { s.TerminalID = "t2" },
		"recordNumber": func(s *sale.Sale) { s.RecordNumber = 6 }, "previousHash": func(s *sale.Sale) { s.PreviousHash[0] = 1 },
		"customerId": func(s *sale.Sale) { s.CustomerID = "" },
		"currency":   func(s *sale.Sale) { s.Currency = "USD" }, "total": func(s *sale.Sale) { s.Total = "1.01" },
		"pointsDelta":   func(s *sale.Sale) { s.PointsDelta++ },
		"pointsBalance": func(s *sale.Sale) { s.PointsBalance++ }, "purchaseNumber": func(s *sale.Sale) { s.PurchaseNumber++ },
		"recordedAt": func(s *sale.Sale) { s.RecordedAt++ },
	} {
		changed := facts
		spoil(&changed)
		require.False(t, sale.Intact(changed, request, salt, hash[:]), name)
	}
	require.False(t, sale.Intact(facts, append(request, ' '), salt, hash[:]))
	require.False(t, sale.Intact(facts, request, append(salt, 0), hash[:]))
	require.False(t, sale.Intact(facts, request, nil, hash[:]))
	require.False(t, sale.Intact(facts, request, salt, hash[1:]))
	require.False(t, sale.Intact(facts, request, salt, nil))
}

func TestASeriesIsPartOfTheChainsName(t *testing.T) {
	require.Equal(t, "t1", sale.Chain("t1", 1))
	require.Equal(t, "t1~2", sale.Chain("t1", 2))
	require.False(t, sale.ValidPlaceID(sale.Chain("t1", 2)), "no terminal can be called what a series of another is called")
}

func TestASalesIDHasOneFormOnly(t *testing.T) {
	const id = "01935f0e-8a7b-7c3d-9e4f-00000000000a"
	require.True(t, sale.ValidSaleID(id))
	for _, other := range []string{
		"", "x", strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id + " ", id[:35], id[:35] + "g", id[:8] + "0" + id[9:],
	} {
		require.False(t, sale.ValidSaleID(other), other)
	}
}
