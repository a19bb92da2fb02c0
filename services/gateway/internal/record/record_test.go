package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

const full = `{"kind":"sale","currency":"INR","total":"1249.50","customer_id":"C-1001","redeem_points":200,
"lines":[{"sku":"TEA-250","name":"Assam tea ☕","quantity":"2","unit_price":"499.75","discount":"0.00","tax":"250.00"}],
"tenders":[{"type":"cash","amount":"1199.50"}],"occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":1042}`

// FuzzDecode: whatever is sent is a record or a refusal, a record is JSON that others read as we do, and spacing or order of
// members never make it another.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		full, `{"currency":"JPY","total":"1"}`, `{"kind":"refund","refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5","currency":"INR","total":"4"}`,
		`{"a":1,"a":2}`, `{"total":"\ud83d\ude00"}`, `{"total":"\ud83d"}`, `[[[[[[[[[[[[[[[[[[[[`, `{"redeem_points":1e5,"x":-0.0E+1}`, "\xff", `nul`, ``,
		`"`, `{"":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rec, err := record.Decode(bytes.Clone(body))
		if err != nil {
			why := refusal.Of(err)
			require.NotNil(t, why, "%v", err)
			require.Contains(t, []refusal.Code{refusal.MalformedJSON, refusal.InvalidRecord, refusal.TotalsMismatch}, why.Code)
			if why.Code != refusal.MalformedJSON {
				require.True(t, json.Valid(body))
			}
			return
		}
		require.True(t, utf8.Valid(body))
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, body))
		same, err := record.Decode(compact.Bytes())
		require.NoError(t, err)
		require.Equal(t, rec.Fingerprint, same.Fingerprint)
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(body, &members))
		sorted, err := json.Marshal(members)
		require.NoError(t, err)
		same, err = record.Decode(sorted)
		require.NoError(t, err)
		require.Equal(t, rec.Fingerprint, same.Fingerprint)
		require.Equal(t, body, rec.Raw)
		requireSameEvent(t, rec)
	})
}

// requireSameEvent compares what the gateway publishes of a sale first with what the ledger publishes of it from the stored request.
func requireSameEvent(t require.TestingT, rec record.Record) {
	facts := sale.Sale{SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e5", StoreID: "s1", TerminalID: "t1"}
	sent, err := event.SentOf(rec.Raw)
	require.NoError(t, err)
	first := event.Recorded(event.RecordedOf(facts, common.Hash{1}, event.Points{}, rec.Sent), "gateway", 0, "")
	again := event.Recorded(event.RecordedOf(facts, common.Hash{1}, event.Points{}, sent), "ledger", 1, "")
	require.Equal(t, string(first.Data), string(again.Data))
}

func TestASaleIsToldInTheSameBytesFirstAndAgain(t *testing.T) {
	for _, body := range []string{full, `{"currency":"JPY","total":"1","tenders":[]}`} {
		rec, err := record.Decode([]byte(body))
		require.NoError(t, err)
		requireSameEvent(t, rec)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.Rune(), 1, 8, 60).Filter(func(s string) bool { return strings.TrimSpace(s) != "" && !strings.Contains(s, "\x00") })
		quoted := func(label string) string {
			out, err := json.Marshal(text.Draw(rt, label))
			require.NoError(rt, err)
			return string(out)
		}
		rec, err := record.Decode(fmt.Appendf(nil,
			`{"currency":"INR","total":"8.00","lines":[{"sku":%s,"name":%s,"quantity":"2","unit_price":"4"}],"tenders":[{"amount":"8.00","type":%s}]}`,
			quoted("sku"), quoted("name"), quoted("type")))
		if err == nil { // the gateway refuses some text
			requireSameEvent(rt, rec)
		}
	})
}

func TestTheSameValueHasTheSameFingerprintAndNoOtherHas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("aé☕\"\\/<&中😀")), 1, 8, -1)
		sku, points := name.Draw(rt, "sku"), rapid.Int64Range(1, 1<<53-1).Draw(rt, "points")
		shuffled := rapid.Permutation([]int{0, 1, 2, 3}).Draw(rt, "order")
		write := func(order []int, quote func(string) string, points string, pad string) record.Fingerprint {
			members := []string{
				`"currency":` + pad + `"INR"`, `"total" : "1"`, `"customer_id":"C"` + pad + `,"redeem_points":` + points,
				`"lines":[{"unit_price":"1",` + pad + `"sku":` + quote(sku) + `,"quantity":"1"}]`,
			}
			var out []string
			for _, i := range order {
				out = append(out, members[i])
			}
			rec, err := record.Decode([]byte("{" + strings.Join(out, ","+pad) + pad + "}"))
			require.NoError(rt, err)
			return rec.Fingerprint
		}
		plain := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
		escaped := func(s string) string {
			out := `"`
			for _, r := range s {
				if r > 0xffff {
					r -= 0x10000
					out += fmt.Sprintf(`\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
					continue
				}
				out += fmt.Sprintf(`\u%04X`, r)
			}
			return out + `"`
		}
		digits := fmt.Sprint(points)
		want := write([]int{0, 1, 2, 3}, plain, digits, "")
		require.Equal(rt, want, write(shuffled, escaped, digits+".0", " \n\t\r"))
		require.Equal(rt, want, write(shuffled, escaped, digits+"0e-1", ""))
		if other := name.Draw(rt, "other"); other != sku {
			sku = other
			require.NotEqual(rt, want, write(shuffled, plain, digits, ""))
		}
	})
}

func TestAllWrongFieldsAreToldAtOnce(t *testing.T) {
	_, err := record.Decode([]byte(`{"currency":"INR","total":"x","customer_id":7,"lines":[{"quantity":"1","unit_price":"a"}],"occurred_at":"now"}`))
	var pointers []string
	for _, f := range refusal.Of(err).Fields {
		pointers = append(pointers, f.Pointer)
	}
	require.Equal(t, []string{"/total", "/occurred_at", "/customer_id", "/lines/0/unit_price"}, pointers)
}

// BenchmarkDecode reads records of a usual receipt, of a long slip with two taxes a line, of none, and of as many lines as there may be.
func BenchmarkDecode(b *testing.B) {
	line := `{"sku":"TEA-250","name":"Assam tea ☕","quantity":"1","unit_price":"1.00","tax":"0.00"}`
	taxed := `{"sku":"HSN0902","name":"Assam tea","quantity":"2","unit_price":"499.75",` +
		`"taxes":[{"name":"CGST","rate":"9","amount":"89.96"},{"name":"SGST","rate":"9","amount":"89.96"}],"amount":"1179.42"}`
	of := func(total, line string, n int) string {
		return `{"currency":"INR","total":"` + total + `","lines":[` + strings.Repeat(line+",", n-1) + line + `]}`
	}
	for name, body := range map[string]string{
		"no line": `{"currency":"INR","total":"35382.60"}`, "one line": full,
		"30 lines with two taxes": of("35382.60", taxed, 30), "500 lines": of("500.00", line, 500),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := record.Decode([]byte(body)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
