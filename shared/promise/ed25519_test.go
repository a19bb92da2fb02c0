package promise

import (
	"crypto/ed25519"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSignaturesMadeTogetherAreThoseOfCryptoEd25519 is for any key and any messages, equal and empty ones too.
func TestSignaturesMadeTogetherAreThoseOfCryptoEd25519(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		private := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed"))
		public, _ := private.Public().(ed25519.PublicKey)
		messages := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 20).Draw(t, "messages")
		signatures := newSigner(private, public).sign(messages)
		require.Len(t, signatures, len(messages))
		for i, message := range messages {
			require.Equal(t, ed25519.Sign(private, message), signatures[i][:], "message %d", i)
		}
	})
}

// TestSignaturesAreThoseOfTheRFC has RFC 8032's tests 1 to 3 (7.1), each signed alone.
func TestSignaturesAreThoseOfTheRFC(t *testing.T) {
	for _, v := range []struct{ seed, message, signature string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
				"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
				"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
				"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		private := ed25519.NewKeyFromSeed(unhex(t, v.seed))
		public, _ := private.Public().(ed25519.PublicKey)
		got := newSigner(private, public).sign([][]byte{unhex(t, v.message)})[0]
		require.Equal(t, v.signature, hex.EncodeToString(got[:]))
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	return raw
}

func BenchmarkSignSales(b *testing.B) {
	key, err := ParseKey(NewKeyPEM())
	require.NoError(b, err)
	const together = 64 // as a group of 128 is shared by two processors
	sales := make([]Sale, together)
	for i := range sales {
		sales[i] = Sale{
			Issuer: "https://shop.example", SaleID: "01a204b4-353d-73e7-85c4-7892690c578a", StoreID: "s1", TerminalID: "t1", RecordNumber: uint64(i) + 1,
			IssuedAt: 1_795_322_731, AnchorBy: 1_795_409_131, ChainID: "1", Contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
		}
	}
	for b.Loop() {
		key.SignSales(sales)
	}
	each := b.Elapsed() / time.Duration(b.N*together)
	b.ReportMetric(each.Seconds()*1e6, "µs/sale")
}
