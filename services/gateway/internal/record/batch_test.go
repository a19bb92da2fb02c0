package record

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever is between the others, each good entry is found as it was sent.
func TestABatchComesApartAtItsEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]string{"", " ", "\r\n\t"})
		value := rapid.SampledFrom([]string{
			`{"currency":"INR","total":"1"}`, `1e99`, `nonsense`, `"],["`, `"\\\"]}"`, "\"\x00\xff\"", `{"a":[{},[]]}`, `{"a" 1}`, `{,}`, "\x00", `""`,
			strings.Repeat("[", 10_500) + strings.Repeat("]", 10_500), `01`, `{"":"\ud800"}`,
		})
		var sent, keys []string
		for range rapid.IntRange(0, 9).Draw(t, "entries") {
			key := ""
			entry := value.Draw(t, "entry")
			if rapid.Bool().Draw(t, "keyed") {
				key = uuid.NewString()
				entry = `{` + space.Draw(t, "s") + `"idempotency_key"` + space.Draw(t, "s") + `:"` + key + `",` + space.Draw(t,
					"s") + `"record":` + entry + space.Draw(t, "s") + `}`
			}
			sent, keys = append(sent, entry), append(keys, key)
		}
		between := space.Draw(t, "s") + "," + space.Draw(t, "s")
		got, err := SplitBatch([]byte("[" + strings.Join(sent, between) + space.Draw(t, "s") + "]\n"))
		if err != nil || len(got) != len(sent) {
			t.Fatalf("%d entries of %d: %v", len(got), len(sent), err)
		}
		for i, key := range keys {
			if key != "" && string(got[i].Echo) != `"`+key+`"` {
				t.Fatalf("entry %d has the key %s, not %s", i, got[i].Echo, key)
			}
		}
	})
}

// What JSON's own reader takes for an array comes apart as it does there, and nothing makes a batch's reader fail otherwise.
func FuzzSplitBatch(f *testing.F) {
	for _, seed := range []string{
		`[]`, ` [ {} , 7 ] `, `[{"record":{"a":[1,"]"]},"idempotency_key":"x"}]`, `[`, `[{"]`, `["\`, `[1}`, `[{"a":}]`, `[,]`, `{}`, "", "[\"\\", "[[]]]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := SplitBatch(body)
		var all []json.RawMessage
		if json.Unmarshal(body, &all) != nil || all == nil || len(all) > MaxBatch {
			return
		}
		require.NoError(t, err)
		require.Len(t, got, len(all))
		for i, raw := range all {
			var entry map[string]json.RawMessage
			if got[i].shape == nil && json.Unmarshal(raw, &entry) == nil {
				require.Equal(t, string(bytes.TrimSpace(entry["record"])), string(got[i].record))
			}
		}
	})
}

// A body of 4 MiB may hold two million values, each of which takes some hundred bytes once it is parsed.
func TestNothingLargerThanARecordIsParsed(t *testing.T) {
	numbers := "[1" + strings.Repeat(",1", (MaxBatchBytes-100)/2) + "]"
	for _, body := range []string{
		"[" + numbers + "]", `[{"record":{},"idempotency_key":` + numbers + "}]",
		`[{"idempotency_key":"` + uuid.NewString() + `","record":` + numbers + "}]",
	} {
		allocations := testing.AllocsPerRun(1, func() {
			entries, err := SplitBatch([]byte(body))
			require.NoError(t, err)
			require.Len(t, entries, 1)
			_, _, err = entries[0].Decode()
			require.Error(t, err)
		})
		require.Less(t, allocations, 1000.0, body[:30])
	}
}
