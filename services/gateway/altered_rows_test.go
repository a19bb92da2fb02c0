package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
)

// TestARowThatIsPlantedStopsNobodyElse plants rows behind what a gateway remembers, whose numbers it would give out next.
func TestARowThatIsPlantedStopsNobodyElse(t *testing.T) {
	shop := setup(t)
	other := shop.newTill("s1", "t2")
	shop.till.sell(newKey(), tea)
	other.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`)
	shop.exec(`INSERT INTO sales.loyalty_entry SELECT customer_id, 2, gen_random_uuid(), 5, points_balance + 5, rules_version
		FROM sales.loyalty_entry WHERE customer_id = 'C-1001'`)
	_, got := shop.till.batch(entry(newKey(), tea), entry(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`),
		entry(newKey(), `{"currency":"INR","total":"1"}`))
	require.Equal(t, []int{409, 201, 201}, []int{got[0].Status, got[1].Status, got[2].Status}, "%s", got[1].Body)
	require.Contains(t, string(got[0].Body), refusal.Altered)

	const planted = `INSERT INTO sales.sale (sale_id, kind, store_id, terminal_id, chain, record_number, previous_hash, idempotency_key, currency, total,
		total_minor, points_earned, points_redeemed, points_delta, points_balance, purchase_number, recorded_at_us, request, fingerprint, salt, sale_hash,
		receipt_token, answer)
		SELECT gen_random_uuid(), kind, store_id, terminal_id, chain, record_number + 1, sale_hash, gen_random_uuid(), currency, total, total_minor, 0, 0, 0, 0, 0,
			recorded_at_us + 1, request, fingerprint, salt, sha256(salt), 'x', answer
		FROM sales.sale WHERE chain = 't2' ORDER BY record_number DESC LIMIT 1`
	shop.exec(planted)
	refuses(t, other.post(newKey(), `{"currency":"INR","total":"1"}`), 409, refusal.Altered)
	shop.till.sell(newKey(), `{"currency":"INR","total":"1"}`)
	require.Contains(t, shop.gates[0].log.String(), "ALARM: a terminal's head")
}

func TestAnAccountThatSaysNothingIsLookedAtToo(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`)
	shop.till.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`)
	shop.exec("UPDATE sales.loyalty_account SET points_balance = 0, purchases = 0, entries = 0, last_recorded_us = 0")
	shop.exec("DELETE FROM sales.loyalty_entry WHERE entry_number = 1") // its number is free, and the first purchase's bonus would be given again
	refuses(t, shop.till.post(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`), 409, refusal.Altered)
	shop.exec("INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us) VALUES ('C-3', 0, 0, 0, 253402300799000000)")
	refuses(t, shop.till.post(newKey(), `{"currency":"INR","total":"10","customer_id":"C-3"}`), 409, refusal.Altered)
}

func TestARefundThatWasAlteredIsNotComparedWith(t *testing.T) {
	shop := setup(t)
	two := `{"currency":"INR","total":"20","lines":[{"sku":"A","amount":"10"},{"sku":"B","amount":"10"}]}`
	_, sold := shop.till.sell(newKey(), two)
	back := fmt.Sprintf(`{"kind":"refund","refund_of":%q,"currency":"INR","total":"10","lines":[{"sku":"A","amount":"10"}]}`, sold.SaleID)
	_, refund := shop.till.sell(newKey(), back)
	refuses(t, shop.till.post(newKey(), back), 422, refusal.RefundExceeds)
	shop.exec(`UPDATE sales.sale SET request = convert_to(replace(convert_from(request, 'UTF8'), '"A"', '"B"'), 'UTF8') WHERE sale_id = $1`, refund.SaleID)
	refuses(t, shop.till.post(newKey(), back), 409, refusal.Altered) // though its state is remembered
	shown := read[answer](t, shop.till.do("GET", "/sales/"+sold.SaleID, ""))
	require.Equal(t, "altered", shown.Anchor.Status, "what is shown as refunded is of a refund that was altered")
}

// TestRecordsWithoutAPromiseAreOfBeforeTheFirstKey has the owner of the database say that later ones need none either.
func TestRecordsWithoutAPromiseAreOfBeforeTheFirstKey(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	shop.exec(`UPDATE sales.sale SET answer = convert_to((convert_from(answer, 'UTF8')::jsonb - 'promise')::text, 'UTF8') WHERE sale_id = $1`, sold.SaleID)
	require.Equal(t, "altered", read[answer](t, shop.till.do("GET", "/sales/"+sold.SaleID, "")).Anchor.Status)
	shop.exec("DELETE FROM sales.unpromised; INSERT INTO sales.unpromised VALUES (9000000000000000)")
	db, err := store.Open(t.Context(), config.Secret(shop.db.Gateway))
	require.NoError(t, err)
	defer db.Close()
	keys, err := db.Keys(t.Context())
	require.NoError(t, err)
	key := query[int64](shop, "SELECT recorded_at_us FROM sales.sale WHERE kind = 'key'")
	require.Equal(t, key+24*time.Hour.Microseconds(), keys.UnpromisedUS, "a clock may have been ahead, by a day at most")
	shop.exec("DELETE FROM sales.unpromised; INSERT INTO sales.unpromised VALUES (5)")
	keys, err = db.Keys(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(5), keys.UnpromisedUS)
}

// TestAPageIsAsLargeAsItsRecords reads a page of records that are too large to be checked all at once.
func TestAPageIsAsLargeAsItsRecords(t *testing.T) {
	shop := setup(t)
	large := fmt.Sprintf(`{"currency":"INR","total":"1","customer_id":"C-2","lines":[%s{"name":"x","amount":"1"}]}`,
		strings.Repeat(`{"name":"`+strings.Repeat("n", 200)+`","amount":"0"},`, 499))
	var sold []string
	for range 20 {
		_, a := shop.till.sell(newKey(), large)
		sold = append([]string{a.SaleID}, sold...)
	}
	for path, member := range map[string]string{"/sales?limit=100": "sales", "/customers/C-2/loyalty/entries?limit=100": "entries"} {
		var listed []string
		pages := 0
		for next := ""; ; pages++ {
			page := read[map[string]json.RawMessage](t, shop.till.do("GET", path+next, ""))
			var records []struct {
				SaleID string `json:"sale_id"`
			}
			require.NoError(t, json.Unmarshal(page[member], &records))
			require.NotEmpty(t, records)
			require.Less(t, len(records), 20)
			for _, r := range records {
				listed = append(listed, r.SaleID)
			}
			var cursor *string
			require.NoError(t, json.Unmarshal(page["next_cursor"], &cursor))
			if cursor == nil {
				break
			}
			next = "&cursor=" + *cursor
		}
		require.Positive(t, pages)
		require.Equal(t, sold, listed, "each is on one page: %s", path)
	}
}

func TestAClosingIsNotMadeOfWhatWasAltered(t *testing.T) {
	shop := setup(t)
	for n, change := range []string{
		"total = '1249.40', total_minor = 124940 WHERE record_number = 1",                                                          // its sum would be another
		"total = '1249.40', total_minor = 124940, sale_hash = sha256('x') WHERE record_number = 1",                                 // hashed anew
		"previous_hash = sha256('x') WHERE record_number = 2",                                                                      // put in another's place
		"answer = convert_to(replace(convert_from(answer, 'UTF8'), '\"promise\"', '\"premise\"'), 'UTF8') WHERE record_number = 3", // the last one is not the shop's
		"points_earned = points_earned + 1, points_redeemed = points_redeemed + 1 WHERE record_number = 1",
	} {
		name := fmt.Sprintf("t%d", n+10)
		till := shop.newTill("s1", name)
		for range 3 {
			till.sell(newKey(), tea)
		}
		shop.exec("UPDATE sales.sale SET " + change + " AND chain = '" + name + "'")
		refuses(t, till.askToClose(newKey()), 409, refusal.Altered)
		require.Zero(t, query[int](shop, "SELECT count(*)::int FROM sales.closing"))
	}
	// In a new series the till goes on, and is closed without what was altered.
	shop.nextSeries()
	shop.till.sell(newKey(), tea)
	till := &till{t: t, url: shop.till.url, key: shop.must("rotate", `{"terminal_id":"t10"}`).Key}
	till.sell(newKey(), tea)
	c := till.closed()
	require.Equal(t, []any{"t10~2", uint64(1)}, []any{c.TerminalID, c.ClosingNumber})
	require.Contains(t, shop.gates[0].log.String(), "ALARM: a terminal's records cannot be added up")
}
