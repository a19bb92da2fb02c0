package sign

import (
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
)

func TestAContractHasItsChainAndAChecksum(t *testing.T) {
	const address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
	for name, want := range map[string][2]string{
		"": {}, "eip155:1:" + address: {"1", address}, "eip155:11155111:" + strings.ToLower(address): {"11155111", address},
	} {
		chainID, contract, err := ParseContract(name)
		require.NoError(t, err, name)
		require.Equal(t, want, [2]string{chainID, contract}, name)
	}
	for _, name := range []string{
		address, "1:" + address, "eip155:1", "eip155:1:" + address + ":x", "eip155::" + address, "eip155:01:" + address, "eip155:0:" + address,
		"eip155:-1:" + address, "eip155:1:" + address[2:], "eip155:1:" + address[:41], "eip155:1:0x5fbDB2315678afecb367f032d93F642f64180aa3",
		"cosmos:1:" + address, "eip155:" + strings.Repeat("1", 21) + ":" + address,
	} {
		_, _, err := ParseContract(name)
		require.Error(t, err, name)
	}
}

func TestAnIssuerIsOneWord(t *testing.T) {
	for _, good := range []string{"https://shop.example", "Tea-House", strings.Repeat("x", maxIssuer)} {
		require.NoError(t, CheckIssuer(good))
	}
	for _, bad := range []string{"", "the shop", "shop\n", "shop\x00", "\xff", strings.Repeat("x", maxIssuer+1)} {
		require.Error(t, CheckIssuer(bad), "%q", bad)
	}
}

func TestAPromiseIsDueInWholeSecondsAfterTheRecord(t *testing.T) {
	key, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	signer := New(key, Terms{Issuer: "shop", Within: 90*time.Second + 600*time.Millisecond})
	row := &store.Sale{Hash: common.Hash{1}, Facts: sale.Sale{
		SaleID: "01a204b4-353d-73e7-85c4-7892690c578a", StoreID: "s1", TerminalID: "t1~2", RecordNumber: 7, RecordedAt: 1_795_322_731_999_999,
	}}
	got, err := promise.OpenSale(signer.Sales([]*store.Sale{row})[0], promise.Set{Keys: []promise.JWK{key.JWK()}})
	require.NoError(t, err)
	require.Equal(t, promise.Sale{
		Issuer: "shop", SaleID: row.Facts.SaleID, SaleHash: common.Hash{1}, StoreID: "s1", TerminalID: "t1~2", RecordNumber: 7,
		IssuedAt: 1_795_322_731, AnchorBy: 1_795_322_821,
	}, got)
	one := signer.Sales([]*store.Sale{row})[0]
	require.Equal(t, []string{one, one}, signer.Sales([]*store.Sale{row, row}))
}

func TestEachKeysRecordHasAKeyOfItsOwn(t *testing.T) {
	record := func(pem []byte) uuid.UUID {
		key, err := promise.ParseKey(pem)
		require.NoError(t, err)
		item, err := New(key, Terms{}).KeyRecord()
		require.NoError(t, err)
		require.Equal(t, []any{sale.Operator, sale.Operator, key.ID(), sale.KindKey}, []any{item.StoreID, item.TerminalID, item.KID, item.Record.Kind})
		require.Equal(t, key.JWK().Bytes(), item.Record.Raw)
		return item.Key
	}
	one := promise.NewKeyPEM()
	require.Equal(t, record(one), record(one))
	require.NotEqual(t, record(one), record(promise.NewKeyPEM()))
	require.Equal(t, uuid.Version(4), record(one).Version())
	require.Equal(t, uuid.RFC4122, record(one).Variant())
}
