package pricing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const soon = 2 * time.Minute // on a machine that is busy with much else

// shop is a NATS server, the pricing service on it, and the other ends of its streams.
type shop struct {
	t    testing.TB
	url  string
	bus  *stream.Bus
	stop func() // ends the service and waits for it
}

func setup(t testing.TB, rates string, adjust ...func(*pricing.Config)) *shop {
	s := &shop{t: t, url: testkit.NATS(t).URL()}
	cfg := configOf(t, s.url, rates)
	for _, f := range adjust {
		f(&cfg)
	}
	s.startAs(cfg)
	t.Cleanup(func() { s.stop() })
	bus, err := stream.Connect("test", cfg.Stream, testLog(t))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	s.bus = bus
	return s
}

func configOf(t testing.TB, url, rates string, more ...string) pricing.Config {
	cfg, err := config.Load[pricing.Config](append([]string{"NATS_URL=" + url, "RATE_STATIC=" + rates}, more...))
	require.NoError(t, err)
	cfg.Telemetry.LogOutput = t.Output()
	return cfg
}

func (s *shop) start(rates string) { s.startAs(configOf(s.t, s.url, rates)) }

func (s *shop) startAs(cfg pricing.Config) {
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	cfg.Ready = func() { close(ready) }
	go func() { done <- pricing.Run(ctx, cfg) }()
	select {
	case <-ready:
	case err := <-done:
		require.FailNow(s.t, "pricing ended", "%v", err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-done)
	})
}

func sold(n int, currency, total string) event.SaleRecorded {
	return event.SaleRecorded{
		SaleID: fmt.Sprintf("01935f0e-8a7b-7c3d-9e4f-%012d", n), Kind: "sale", StoreID: "s1", TerminalID: "t1", Currency: currency, Total: total,
		RecordedAt: "2026-11-22T04:45:31.123456Z", SaleHash: common.BigToHash(common.Big1),
		Sent: event.Sent{Lines: []event.Line{{SKU: "TEA-250", Quantity: "2", UnitPrice: "499.75"}}},
	}
}

func (s *shop) record(msgs ...*nats.Msg) {
	require.NoError(s.t, s.bus.PublishAll(s.t.Context(), msgs))
}

func recorded(e event.SaleRecorded) *nats.Msg { return event.Recorded(e, "gateway", 0, "") }

// read waits until a stream holds n messages and returns them all.
func (s *shop) read(name string, n uint64) []*jetstream.RawStreamMsg {
	str, err := s.bus.JS.Stream(s.t.Context(), name)
	require.NoError(s.t, err)
	var info *jetstream.StreamInfo
	testkit.Eventually(s.t, soon, fmt.Sprintf("%d messages in %s", n, name), func() error {
		if info, err = str.Info(s.t.Context()); err != nil {
			return err
		}
		if info.State.Msgs < n {
			return fmt.Errorf("it has %d", info.State.Msgs)
		}
		return nil
	})
	require.Equal(s.t, n, info.State.Msgs, name)
	var all []*jetstream.RawStreamMsg
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		msg, err := str.GetMsg(s.t.Context(), seq)
		require.NoError(s.t, err)
		all = append(all, msg)
	}
	return all
}

// settled waits until the service has nothing left to do.
func (s *shop) settled() {
	s.t.Helper()
	testkit.Settled(s.t, soon, s.bus.JS, stream.SalesRecorded, stream.DurablePricing)
}

func decode[T any](t testing.TB, data []byte) T {
	e, err := event.Decode[T](data)
	require.NoError(t, err)
	return e
}

func TestARecordedSaleIsPricedInExactWei(t *testing.T) {
	s := setup(t, "INR=254321.17")
	sent := recorded(sold(1, "INR", "254321.17"))
	s.record(sent)
	msg := s.read(stream.SalesPriced, 1)[0]
	priced := decode[event.SalePriced](t, msg.Data)
	require.Equal(t, sold(1, "INR", "254321.17"), priced.SaleRecorded)
	require.Equal(t, "1000000000000000000", priced.AmountWei)
	require.Equal(t, "static", priced.Rate.Tier)
	require.Equal(t, "254321.17", priced.Rate.Value)
	require.Equal(t, "sales.v1.priced.s1", msg.Subject)
	require.Equal(t, event.TraceOf(sent.Header), event.TraceOf(msg.Header), "one trace from the till to the chain")
}

// Every vector's arithmetic is checked where it is done, in money and in quote; here are as many rates as there are currencies
// with three decimals, which take every vector's total.
func TestVectorsOfTheArithmeticHoldOnTheWay(t *testing.T) {
	data, err := os.ReadFile("testdata/pricing.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct{ Total, Rate, Wei string }
	}
	require.NoError(t, json.Unmarshal(data, &file))
	currencies := []string{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
	var rates []string
	for i, code := range currencies {
		rates = append(rates, code+"="+file.Vectors[i].Rate)
	}
	s := setup(t, strings.Join(rates, ","))
	for i, code := range currencies {
		v := file.Vectors[i]
		answer, err := stream.Ask[struct {
			AmountWei string     `json:"amount_wei"`
			Rate      event.Rate `json:"rate"`
		}](t.Context(), s.bus, "ops.pricing.quote", map[string]string{"currency": code, "total": v.Total})
		require.NoError(t, err)
		require.Equal(t, v.Wei, answer.AmountWei, "%s at %s", v.Total, v.Rate)
		require.Equal(t, v.Rate, answer.Rate.Value)
	}
}

func TestARefundIsPricedLikeASale(t *testing.T) {
	s := setup(t, "INR=254321.17")
	refund := sold(2, "INR", "0.01")
	refund.Kind, refund.RefundOf = "refund", sold(1, "INR", "1").SaleID
	s.record(recorded(refund))
	priced := decode[event.SalePriced](t, s.read(stream.SalesPriced, 1)[0].Data)
	require.Equal(t, refund, priced.SaleRecorded)
	require.Equal(t, "39320360158", priced.AmountWei)
}

func TestACurrencyWithoutARateIsParkedAndBlocksNobody(t *testing.T) {
	s := setup(t, "INR=254321.17")
	s.record(recorded(sold(1, "EUR", "5.00")), recorded(sold(2, "INR", "254321.17")))
	require.Equal(t, sold(2, "", "").SaleID, decode[event.SalePriced](t, s.read(stream.SalesPriced, 1)[0].Data).SaleID)
	parked := decode[event.Parked](t, s.read(stream.SalesDLQ, 1)[0].Data)
	require.Equal(t, "no tier has a rate for EUR", parked.Reason)
	require.Equal(t, "pricing", parked.Service)
	require.Equal(t, sold(1, "", "").SaleID, parked.SaleID)
	require.Equal(t, uint64(1), parked.Sequence)
	s.settled()
}

func TestWhatIsNoSaleIsParked(t *testing.T) {
	broken := map[string]func(*nats.Msg){
		"not JSON":      func(m *nats.Msg) { m.Data = []byte("\x00tea") },
		"another shape": func(m *nats.Msg) { m.Data = []byte(`{"sale_id":7}`) },
		"no sale":       func(m *nats.Msg) { m.Data = []byte(`{}`) },
		"a loud id":     func(m *nats.Msg) { m.Data = bytes.Replace(m.Data, []byte(`"01935f0e`), []byte(`"01935F0E`), 1) },
		"a loud hash": func(m *nats.Msg) {
			m.Data = bytes.Replace(m.Data, []byte(`"sale_hash":"0x`), []byte(`"sale_hash":"0X`), 1)
		},
		"a bad store": func(m *nats.Msg) {
			m.Data = []byte(`{"sale_id":"01935f0e-8a7b-7c3d-9e4f-000000000001","store_id":"a.>","currency":"INR","total":"1.00"}`)
		},
		"no total": func(m *nats.Msg) {
			m.Data = []byte(`{"sale_id":"01935f0e-8a7b-7c3d-9e4f-000000000001","store_id":"s1","currency":"INR"}`)
		},
		"nothing, in pieces of a paisa": func(m *nats.Msg) {
			m.Data = []byte(`{"sale_id":"01935f0e-8a7b-7c3d-9e4f-000000000001","store_id":"s1","currency":"INR","total":"0.000"}`)
		},
		"nothing of no currency that there is": func(m *nats.Msg) {
			m.Data = []byte(`{"sale_id":"01935f0e-8a7b-7c3d-9e4f-000000000001","store_id":"s1","currency":"XTS","total":"0"}`)
		},
		"half a paisa": func(m *nats.Msg) {
			m.Data = []byte(`{"sale_id":"01935f0e-8a7b-7c3d-9e4f-000000000001","store_id":"s1","currency":"INR","total":"0.005"}`)
		},
	}
	s := setup(t, "INR=254321.17")
	for name, spoil := range broken {
		msg := recorded(sold(1, "INR", "1.00"))
		msg.Header[nats.MsgIdHdr] = []string{name}
		spoil(msg)
		s.record(msg)
	}
	s.record(recorded(sold(2, "INR", "254321.17")))
	for _, msg := range s.read(stream.SalesDLQ, uint64(len(broken))) {
		require.NotEmpty(t, decode[event.Parked](t, msg.Data).Reason)
	}
	s.read(stream.SalesPriced, 1)
	s.settled()
}

func TestASaleDeliveredTwiceIsPricedOnce(t *testing.T) {
	s := setup(t, "INR=254321.17")
	s.record(recorded(sold(1, "INR", "1.00")))
	s.read(stream.SalesPriced, 1)
	s.settled()
	s.stop()
	// the acknowledgement is lost: the durable starts over
	require.NoError(t, s.bus.JS.DeleteConsumer(t.Context(), stream.SalesRecorded, stream.DurablePricing))
	s.start("INR=254321.17")
	s.settled()
	s.read(stream.SalesPriced, 1)
}

func TestARepairPassesTheDedupeWindowOfBothStreams(t *testing.T) {
	s := setup(t, "INR=254321.17")
	s.record(recorded(sold(1, "INR", "1.00")), event.Recorded(sold(1, "INR", "1.00"), "ledger", 7, ""))
	msgs := s.read(stream.SalesPriced, 2)
	require.Equal(t, msgs[0].Header["ce-id"], msgs[1].Header["ce-id"], "the event is the same one")
	require.Equal(t, 0, event.GenerationOf(msgs[0].Header))
	require.Equal(t, 7, event.GenerationOf(msgs[1].Header))
}

func TestARestartedServiceGoesOnWhereItWas(t *testing.T) {
	s := setup(t, "INR=254321.17")
	s.record(recorded(sold(1, "INR", "1.00")))
	s.read(stream.SalesPriced, 1)
	s.settled()
	s.stop()
	s.record(recorded(sold(2, "INR", "2.00")), recorded(sold(3, "INR", "3.00")))
	s.start("INR=254321.17")
	msgs := s.read(stream.SalesPriced, 3)
	require.Equal(t, sold(3, "", "").SaleID, decode[event.SalePriced](t, msgs[2].Data).SaleID)
}

func TestAnOperatorAsksForAPrice(t *testing.T) {
	s := setup(t, "INR=254321.17,USD=3050.12")
	type answer struct {
		AmountWei string     `json:"amount_wei"`
		Rate      event.Rate `json:"rate"`
	}
	got, err := stream.Ask[answer](t.Context(), s.bus, "ops.pricing.quote", map[string]string{"currency": "USD", "total": "3050.12"})
	require.NoError(t, err)
	require.Equal(t, "1000000000000000000", got.AmountWei)
	require.Equal(t, "3050.12", got.Rate.Value)
	_, err = stream.Ask[answer](t.Context(), s.bus, "ops.pricing.quote", map[string]string{"currency": "EUR", "total": "1.00"})
	require.True(t, fault.Is(err, fault.Invalid))
	require.EqualError(t, err, "no tier has a rate for EUR")
}

func TestAWrongSettingStopsTheServiceWithItsName(t *testing.T) {
	for rates, says := range map[string]string{
		"":                   "RATE_STATIC is not set and RATE_FEEDS names no source",
		"INR":                "RATE_STATIC: entry 1 must look like",
		"INR=1,":             "RATE_STATIC: entry 2 must look like",
		"INR=254321,RUPEE=1": `RATE_STATIC: entry 2, "RUPEE": not the code of an ISO 4217 currency`,
		"INR=0":              "RATE_STATIC: the rate of INR must be greater than zero",
		"INR=-5":             "RATE_STATIC: the rate of INR must be a plain positive decimal number",
		"INR=NaN":            "RATE_STATIC: the rate of INR must be a plain positive decimal number",
		"INR=1e400":          "RATE_STATIC: the rate of INR must be a plain positive decimal number",
		"INR=1,INR=2":        "RATE_STATIC: INR is given twice",
	} {
		_, err := config.Load[pricing.Config]([]string{"NATS_URL=nats://127.0.0.1:1", "RATE_STATIC=" + rates})
		require.True(t, fault.Is(err, fault.Invalid), rates)
		require.ErrorContains(t, err, says, rates)
	}
	for setting, says := range map[string]string{
		"RATE_FEEDS=coingecko":                                   "RATE_FEEDS: entry 1 must look like",
		"RATE_FEEDS=binance=https://k3y@x":                       `RATE_FEEDS: "binance" is not one of coindcx, coingecko, coingecko-pro, wazirx`,
		"RATE_FEEDS=wazirx=ftp://k3y@x":                          "RATE_FEEDS: the base URL of wazirx must look like",
		"RATE_FEEDS=wazirx=http://k3y%zz":                        "RATE_FEEDS: the base URL of wazirx must look like",
		"RATE_FEEDS=wazirx=http://a,wazirx=http://b":             `RATE_FEEDS: "wazirx" is given twice`,
		"RATE_FEEDS=https://user:k3y=@x":                         "RATE_FEEDS: entry 1 is not one of coindcx",
		"RATE_FEEDS=wazirx=https://x:k3y=y,k3Y=x":                "RATE_FEEDS: the base URL of wazirx must look like",
		"RATE_FEEDS=coingecko=https://x:99999":                   "RATE_FEEDS: the base URL of coingecko must look like",
		"RATE_FEEDS=coingecko=https://x:0":                       "RATE_FEEDS: the base URL of coingecko must look like",
		"RATE_FEEDS=coingecko=https://:443":                      "RATE_FEEDS: the base URL of coingecko must look like",
		"RATE_FEEDS=coingecko=https://a,coingecko-pro=https://b": "RATE_FEEDS: coingecko and coingecko-pro are one source",
		"RATE_FEED_KEY_FILES=https://u:k3y=@x":                   "RATE_FEED_KEY_FILES names a source, which RATE_FEEDS does not",
		"RATE_FEED_KEY_FILES=https://u:k3y=":                     "RATE_FEED_KEY_FILES: entry 1 is given twice, or has no path",
		"RATE_FEEDS=":                                            "RATE_STATIC is not set and RATE_FEEDS names no source",
		"RATE_FEED_KEY_FILES=coingecko=k3y":                      `RATE_FEED_KEY_FILES names "coingecko", which RATE_FEEDS does not`,
		"RATE_FEED_KEY_FILES=coingecko=":                         `RATE_FEED_KEY_FILES: "coingecko" is given twice, or has no path`,
		"RATE_CURRENCIES=INR,TEA":                                `RATE_CURRENCIES: "TEA": not the code of an ISO 4217 currency`,
		"RATE_CURRENCIES=INR,INR":                                "RATE_CURRENCIES: INR is given twice",
		"RATE_POLL=tea":                                          "RATE_POLL must be a duration such as",
		"RATE_POLL=1ms":                                          "RATE_POLL must be between",
		"RATE_FRESH_FOR=59s":                                     "RATE_FRESH_FOR must be at least 2 times RATE_POLL",
		"RATE_MAX_AGE=1s":                                        "RATE_MAX_AGE must be",
		"RATE_MAX_AGE=1000h":                                     "RATE_MAX_AGE must be between",
	} {
		_, err := config.Load[pricing.Config](append([]string{"NATS_URL=nats://127.0.0.1:1", "RATE_FEEDS=wazirx=http://127.0.0.1:1"}, setting))
		require.True(t, fault.Is(err, fault.Invalid), setting)
		require.ErrorContains(t, err, says, setting)
		require.NotContains(t, err.Error(), "k3y", setting)
	}
	for setting, says := range map[string]string{ // nobody is asked, and still they are wrong
		"RATE_POLL=0":        "RATE_POLL must be between",
		"RATE_FRESH_FOR=-1s": "RATE_FRESH_FOR must be at least",
		"RATE_MAX_AGE=0":     "RATE_MAX_AGE must be between",
	} {
		_, err := config.Load[pricing.Config]([]string{"NATS_URL=nats://127.0.0.1:1", "RATE_STATIC=INR=1", setting})
		require.ErrorContains(t, err, says, setting)
	}
	_, err := config.Load[pricing.Config]([]string{"RATE_STATIC=INR=1"})
	require.ErrorContains(t, err, "NATS_URL")
	require.ErrorContains(t, pricing.Run(t.Context(), pricing.Config{}), "NATS_URL")
}
