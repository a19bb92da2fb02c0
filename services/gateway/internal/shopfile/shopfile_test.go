package shopfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/shopfile"
)

const chai = `{
  "name": "Chai & Co", "address": ["12 MG Road", "Bengaluru 560001"], "phone": "+91 80 5550 1234", "tax_id": "GSTIN 29AAGCB7383J1Z4",
  "website": "https://chai.example", "time_zone": "Asia/Kolkata", "contract_name": "_tillseal.chai.example", "show_balance": true,
  "stores": {"pune": {"name": "Chai & Co, Pune", "address": ["7 FC Road", "Pune 411004"]}, "online": {"address": []}}
}`

func TestAStoreIsAsTheShopButForWhatItSaysItself(t *testing.T) {
	shop, err := shopfile.Parse([]byte(chai))
	require.NoError(t, err)
	require.Equal(t, shop.Store, shop.Of("s1"))
	require.Equal(t, "Chai & Co", shop.Of("s1").Name)
	pune := shop.Of("pune")
	require.Equal(t, "Chai & Co, Pune", pune.Name)
	require.Equal(t, []string{"7 FC Road", "Pune 411004"}, pune.Address)
	require.Equal(t, "+91 80 5550 1234", pune.Phone)
	require.Equal(t, "Asia/Kolkata", pune.TimeZone)
	require.Empty(t, shop.Of("online").Address)
	require.True(t, shop.ShowBalance)
	require.False(t, shop.ShowCustomer)
}

func TestAShopThatSaysNothingShowsNoCustomer(t *testing.T) {
	shop, err := shopfile.Load("")
	require.NoError(t, err)
	require.Equal(t, &shopfile.Shop{}, shop)
}

func TestAWrongFileIsRefusedAndTheMemberNamed(t *testing.T) {
	for text, want := range map[string]string{
		``:                        "is not the JSON",
		`[]`:                      "is not a JSON object",
		`null`:                    "is not a JSON object",
		`{"name":"a","name":"b"}`: "is not the JSON",
		`{"show_customer":false,"Show_Customer":true}`: `unknown member "Show_Customer"`,
		`{} {}`:               "is not the JSON",
		"{\"name\":\"\xff\"}": "is not the JSON",
		`{"nme":"Chai"}`:      `unknown member "nme"`,
		`{"stores":{"s1":{"show_customer":true}}}`: `stores.s1 has the unknown member "show_customer"`,
		`{"name":7}`:          "name",
		`{"name":"a\u0007b"}`: "name has a control character",
		`{"stores":{"s1":{"phone":"` + strings.Repeat("1", 201) + `"}}}`: "stores.s1.phone has more than 200 characters",
		`{"address":["1","2","3","4","5","6","7","8","9"]}`:              "address has 9 lines, and may have 8",
		`{"address":["a","b\n"]}`:                                        "address[1] has a control character",
		`{"website":"javascript:alert(1)"}`:                              "website must be an http or https URL",
		`{"website":"https://user@chai.example"}`:                        "website must be an http or https URL",
		`{"time_zone":"Asia/Bangalore"}`:                                 `such as Asia/Kolkata, and is "Asia/Bangalore"`,
		`{"time_zone":"Local"}`:                                          "time_zone must be",
		`{"contract_name":"https://chai.example"}`:                       "contract_name must be a DNS name",
		`{"stores":{"S1":{}}}`:                                           `stores has "S1"`,
	} {
		_, err := shopfile.Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func TestAFileIsReadWholeOrRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.json")
	_, err := shopfile.Load(path)
	require.ErrorContains(t, err, "can't be read")
	require.NoError(t, os.WriteFile(path, []byte(chai), 0o600))
	shop, err := shopfile.Load(path)
	require.NoError(t, err)
	require.Equal(t, "Chai & Co", shop.Name)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(" ", shopfile.MaxBytes)+"{}"), 0o600))
	_, err = shopfile.Load(path)
	require.ErrorContains(t, err, "more than")
}
