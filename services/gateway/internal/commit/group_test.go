package commit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/sign"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const modelRules = `{"version":"m","points_per_unit":{"INR":"0.1"},"first_purchase_bonus":50,
	"tiers":[{"name":"base","from_purchase":1,"multiplier":"1"},{"name":"gold","from_purchase":3,"multiplier":"1.5"}],"point_worth":{"INR":"0.25"}}`

type bench struct {
	grouper *commit.Grouper
	db      testkit.DB
}

func setup(t *testing.T) *bench {
	t.Helper()
	db := testkit.Database(t)
	s, err := store.Open(t.Context(), config.Secret(db.Gateway))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	rules, err := loyalty.Parse([]byte(modelRules))
	require.NoError(t, err)
	testkit.Insist(t, "add a terminal", func() error { return s.AddTerminal(t.Context(), "t1", "s1", [32]byte{1}) })
	key, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	published := intact.Keys{Published: promise.Set{Keys: []promise.JWK{key.JWK()}}, UnpromisedUS: -1}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	return &bench{db: db, grouper: &commit.Grouper{
		Sign: sign.New(key, sign.Terms{Issuer: "https://shop.example", Within: time.Hour}).Sales,
		Wire: &tripwire.Wire{
			Keyring: intact.NewKeyring(func(context.Context) (intact.Keys, error) { return published, nil }),
			Alarm:   intact.NewAlarm(log, prometheus.NewRegistry(), tripwire.Kinds...),
		},
		Store: s, Rules: rules, Log: log, Now: time.Now,
		Mint: func() commit.Minted {
			id := uuid.Must(uuid.NewV7())
			return commit.Minted{SaleID: id, Salt: sale.Keccak(id[:]), ReceiptToken: id.String()}
		},
	}}
}

// TestGroupsAnswerAsOneByOneWould runs random sales, refunds, redemptions and retries in random groups and compares each answer
// with the clerk's.
func TestGroupsAnswerAsOneByOneWould(t *testing.T) {
	b := setup(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		terminal := fmt.Sprintf("run%d", run)
		testkit.Insist(t, "add a terminal", func() error {
			return b.grouper.Store.AddTerminal(rt.Context(), terminal, "s1", sale.Keccak([]byte(terminal)))
		})
		m := &shopModel{
			t: rt, customers: map[string]*customerModel{}, records: map[string]*recordModel{}, ids: map[string]*recordModel{}, seqs: map[int64]*recordModel{},
		}
		d := &drawer{rt: rt, prefix: fmt.Sprintf("c%d-", run)}
		for range rapid.IntRange(1, 6).Draw(rt, "groups") {
			var items []*commit.Item
			var bodies [][]byte
			for range rapid.IntRange(1, 20).Draw(rt, "size") { // from 16 on accounts and heads move while the group is sealed
				key, body := d.record()
				rec, err := record.Decode(body)
				require.NoError(rt, err)
				items = append(items, &commit.Item{TerminalID: terminal, StoreID: "s1", Key: key, Record: rec})
				bodies = append(bodies, body)
			}
			outcomes := b.grouper.Commit(rt.Context(), items)
			for i, out := range outcomes {
				compare(rt, m, d, out, m.apply(items[i].Key, bodies[i]))
			}
		}
	})
	b.checkBooks(t)
}

// drawer draws records about few customers, keys and sales, so that they meet.
type drawer struct {
	rt      *rapid.T
	prefix  string
	keys    []uuid.UUID
	bodies  [][]byte
	saleIDs []string
}

func (d *drawer) record() (uuid.UUID, []byte) {
	rt := d.rt
	if len(d.keys) > 0 && rapid.IntRange(0, 4).Draw(rt, "retry") == 0 {
		i := rapid.IntRange(0, len(d.keys)-1).Draw(rt, "which")
		return d.keys[i], d.bodies[i]
	}
	r := request{Currency: "INR", Total: rapid.SampledFrom([]string{"10", "33.33", "100.00", "999.9", "0.01", "0"}).Draw(rt, "total")}
	if rapid.IntRange(0, 3).Draw(rt, "seq?") == 0 {
		seq := rapid.Int64Range(0, 2).Draw(rt, "seq")
		r.Seq = &seq
	}
	if rapid.IntRange(0, 3).Draw(rt, "offline") == 0 {
		r.Offline, r.OccurredAt = true, "2026-11-20T10:00:00+05:30"
	}
	switch what := rapid.IntRange(0, 6).Draw(rt, "what"); {
	case what == 0 && len(d.saleIDs) > 0:
		r.Kind, r.RefundOf = "refund", rapid.SampledFrom(d.saleIDs).Draw(rt, "sale")
	case what == 1 && len(d.keys) > 0:
		r.Kind, r.RefundOfKey = "refund", rapid.SampledFrom(d.keys).Draw(rt, "its key").String()
	case what == 2:
		r.RefundOf, r.Kind = uuid.NewString(), "refund"
	case what == 3:
		r.Kind, r.CustomerID = "refund", d.customer()
	default:
		if r.CustomerID = d.customer(); r.CustomerID != "" {
			r.Redeem = rapid.SampledFrom([]int64{0, 0, 1, 7, 40, 400, 4000}).Draw(rt, "redeem")
		}
	}
	if r.Kind == "refund" && (r.Total == "0" || rapid.Bool().Draw(rt, "a part")) {
		r.Total = "0.01"
	}
	if n := rapid.IntRange(0, 3).Draw(rt, "pens"); n > 0 {
		off := new(big.Rat).Sub(rat(fmt.Sprint(1000*n)), rat(r.Total))
		r.Lines = []pens{{SKU: "PEN", Quantity: fmt.Sprint(n), Price: "1000", Discount: off.FloatString(2)}}
	}
	if r.Kind == "refund" && rapid.IntRange(0, 9).Draw(rt, "other currency") == 0 {
		r.Currency = "USD"
	}
	body, err := json.Marshal(r)
	require.NoError(rt, err)
	key := uuid.New()
	if len(d.keys) > 0 && rapid.IntRange(0, 9).Draw(rt, "reuse") == 0 {
		key = rapid.SampledFrom(d.keys).Draw(rt, "reused")
	}
	d.keys, d.bodies = append(d.keys, key), append(d.bodies, body)
	return key, body
}

func (d *drawer) customer() string {
	if c := rapid.IntRange(0, 3).Draw(d.rt, "customer"); c > 0 {
		return d.prefix + fmt.Sprint(c)
	}
	return ""
}

func compare(rt *rapid.T, m *shopModel, d *drawer, out commit.Outcome, want verdictModel) {
	if want.code != "" {
		require.NotNil(rt, out.Refused)
		require.Equal(rt, want.code, out.Refused.Code)
		require.Nil(rt, out.Sale)
		return
	}
	require.Nil(rt, out.Refused)
	var got record.Answer
	require.NoError(rt, json.Unmarshal(out.Kept.Answer, &got))
	if want.replay != nil {
		require.True(rt, out.Replayed)
		require.Equal(rt, want.replay.id, got.SaleID)
		return
	}
	require.False(rt, out.Replayed)
	m.number++
	require.Equal(rt, m.number, got.RecordNumber, "numbers are dense over refusals and replays")
	require.Equal(rt, m.head.Hex(), got.PreviousHash)
	m.head = common.HexToHash(got.Anchor.SaleHash)
	rec := want.new
	require.Equal(rt, rec.unreferenced, got.Unreferenced)
	if rec.earlier == nil {
		require.Empty(rt, got.Warnings)
	} else {
		require.Equal(rt, []record.Warning{{Code: refusal.SeqReused, SaleID: rec.earlier.id}}, got.Warnings)
	}
	rec.id, rec.recordedAt = got.SaleID, got.RecordedAt
	m.ids[rec.id] = rec
	d.saleIDs = append(d.saleIDs, rec.id)
	if rec.customer == "" {
		require.Nil(rt, got.Loyalty)
		return
	}
	require.Equal(rt, record.Loyalty{
		CustomerID: rec.answer.Customer, PurchaseNumber: rec.answer.Purchase, FirstPurchase: rec.answer.First,
		PointsEarned: rec.answer.Earned, PointsRedeemed: rec.answer.Redeemed, PointsBalance: rec.answer.Balance,
		Shortfall: rec.answer.Shortfall,
	}, *got.Loyalty)
}

// checkBooks asks the database itself: what must hold of all that was committed.
func (b *bench) checkBooks(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.Admin)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for what, sql := range map[string]string{
		"an account is not the sum of its entries": `SELECT count(*) FROM sales.loyalty_account a
			WHERE points_balance <> (SELECT sum(points_delta) FROM sales.loyalty_entry e WHERE e.customer_id = a.customer_id)
			OR entries <> (SELECT count(*) FROM sales.loyalty_entry e WHERE e.customer_id = a.customer_id) OR entries = 0`,
		"purchase numbers have a gap": `SELECT count(*) FROM sales.loyalty_account a
			WHERE purchases <> (SELECT count(*) FROM sales.sale s WHERE s.customer_id = a.customer_id AND kind = 'sale')
			OR purchases <> (SELECT coalesce(max(purchase_number), 0) FROM sales.sale s WHERE s.customer_id = a.customer_id)`,
		"recorded_at does not grow": `SELECT count(*)
			FROM (SELECT s.recorded_at_us - lag(s.recorded_at_us) OVER (PARTITION BY e.customer_id ORDER BY entry_number) AS step
			FROM sales.loyalty_entry e JOIN sales.sale s USING (sale_id)) x WHERE step <= 0`,
		"a refund state is off": `SELECT count(*) FROM sales.refund_state r
			WHERE refunded_minor = 0 OR refunded_minor <> (SELECT sum(total_minor) FROM sales.sale s WHERE s.refund_of = r.sale_id)
			OR points_clawed <> (SELECT -sum(points_earned) FROM sales.sale s WHERE s.refund_of = r.sale_id)`,
		"a number of the till's has not one holder": `SELECT count(*) FROM (SELECT count(*) FILTER (WHERE NOT seq_reused) AS holders FROM sales.sale
			WHERE terminal_seq IS NOT NULL GROUP BY terminal_id, terminal_seq) x WHERE holders <> 1`,
		"a number is missing": `SELECT count(*) FROM (SELECT terminal_id, count(*) AS n, max(record_number) AS last FROM audit.sale GROUP BY 1) x WHERE n <> last`,
		"a record does not name the one before": `SELECT count(*) FROM (SELECT previous_hash, record_number,
			lag(sale_hash) OVER (PARTITION BY terminal_id ORDER BY record_number) AS before FROM audit.sale) x
			WHERE previous_hash <> coalesce(before, '0x' || repeat('0', 64))`,
		"a head is not the last record": `SELECT count(*) FROM audit.terminal t
			WHERE records <> (SELECT count(*) FROM audit.sale s WHERE s.terminal_id = t.terminal_id)
			OR records > 0 AND head_hash <> (SELECT sale_hash FROM audit.sale s WHERE s.terminal_id = t.terminal_id AND s.record_number = t.records)`,
	} {
		var wrong int
		require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&wrong))
		require.Zero(t, wrong, what)
	}
}

func item(t *testing.T, key uuid.UUID, body string) *commit.Item {
	t.Helper()
	rec, err := record.Decode([]byte(body))
	require.NoError(t, err)
	return &commit.Item{TerminalID: "t1", StoreID: "s1", Key: key, Record: rec}
}

func TestTheHashIsThatOfTheRowsFacts(t *testing.T) {
	b := setup(t)
	out := b.grouper.Commit(t.Context(), []*commit.Item{item(t, uuid.New(), `{"currency":"INR","total":"7.5","customer_id":"C-1"}`)})[0]
	require.Nil(t, out.Refused)
	conn, err := pgx.Connect(t.Context(), b.db.Auditor)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var (
		f         sale.Sale
		req, salt []byte
		at        int64
	)
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT sale_id::text, kind, store_id, terminal_id, customer_id, currency, total, points_delta, points_balance,
		purchase_number, record_number, recorded_at_us, request, salt FROM audit.sale`).Scan(
		&f.SaleID, &f.Kind, &f.StoreID, &f.TerminalID, &f.CustomerID, &f.Currency, &f.Total,
		&f.PointsDelta, &f.PointsBalance, &f.PurchaseNumber, &f.RecordNumber, &at, &req, &salt))
	f.RecordedAt, f.RequestHash, f.Salt = uint64(at), sale.Keccak(req), [32]byte(salt)
	require.Equal(t, "7.50", f.Total)
	require.Contains(t, string(out.Kept.Answer), f.Hash().Hex())
	require.Contains(t, string(out.Kept.Answer), sale.FormatTime(at))
}

func TestOneRecordThatPostgresRefusesHarmsNoOther(t *testing.T) {
	b := setup(t)
	bad := item(t, uuid.New(), `{"currency":"INR","total":"1","customer_id":"C-1"}`)
	bad.Record.OccurredAt = "a\x00b" // what no decoder lets through
	out := b.grouper.Commit(t.Context(), []*commit.Item{
		item(t, uuid.New(), `{"currency":"INR","total":"1","customer_id":"C-1"}`), bad,
		item(t, uuid.New(), `{"currency":"INR","total":"1","customer_id":"C-1"}`),
	})
	require.Nil(t, out[0].Refused)
	require.Equal(t, "INVALID_RECORD", string(out[1].Refused.Code))
	require.Nil(t, out[2].Refused)
	require.True(t, strings.Contains(string(out[2].Kept.Answer), `"purchase_number":2`))
	b.checkBooks(t)
}
