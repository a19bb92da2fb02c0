package anchor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestALostReplyToABroadcastIsNoSecondTransaction(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.behind(1)[0].On("eth_sendRawTransaction", testkit.Drop())
	h.start()
	sold := h.sell(3)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, h.ask("SELECT (1 + count(*))::text FROM anchor.batch"), h.ask(signedCount), "the deploy and one transaction for each batch")
}

func TestASwallowedTransactionIsSentAgain(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
	proxy := testkit.RPCProxy(t, h.chain.URL())
	h.cfg.Provider = config.Secret(proxy.URL())
	proxy.On("eth_sendRawTransaction", testkit.Times(2, testkit.Swallow()))
	h.start()
	sold := h.sell(3)
	h.verify(sold, h.anchored(sold, nil))
}

func TestIntakeGoesOnWithoutTheChainAndCatchesUp(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := testkit.RPCProxy(t, h.chain.URL())
	h.cfg.Provider = config.Secret(proxy.URL())
	for _, method := range []string{"eth_chainId", "eth_getBlockByNumber"} {
		proxy.On(method, testkit.Status(429))
	}
	h.start()
	sold := h.sell(30)
	h.leaves(30)
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
}

// behind puts n faulty proxies between the anchor and its chain.
func (h *house) behind(n int) (proxies []*testkit.Proxy) {
	var urls []string
	for range n {
		p := testkit.RPCProxy(h.t, h.chain.URL())
		proxies, urls = append(proxies, p), append(urls, p.URL())
	}
	h.cfg.Provider = config.Secret(strings.Join(urls, ","))
	return proxies
}

func TestANodeThatSwallowsEverySecondTransactionHoldsNothingBack(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = 500 * time.Millisecond })
	proxy := h.behind(1)[0]
	proxy.On("eth_sendRawTransaction", testkit.EverySecond(testkit.Swallow()))
	h.start()
	var sold []event.SalePriced
	for range 3 {
		sold = append(sold, h.sell(10)...)
		h.anchored(sold, nil)
	}
	h.verify(sold, h.anchored(sold, nil))
}

func TestWhateverANodeDoesEverySaleIsAnchoredOnce(t *testing.T) {
	for name, spoil := range map[string]func(*testkit.Proxy){
		"a nonce too high": func(p *testkit.Proxy) { p.On("eth_getTransactionCount", testkit.EverySecond(testkit.Off(3))) },
		"a nonce too low":  func(p *testkit.Proxy) { p.On("eth_getTransactionCount", testkit.EverySecond(testkit.Off(-1))) },
		"too many requests": func(p *testkit.Proxy) {
			for _, method := range []string{"eth_call", "eth_sendRawTransaction"} {
				p.On(method, testkit.EverySecond(testkit.Status(429)))
			}
		},
		"no answer": func(p *testkit.Proxy) {
			p.On("eth_sendRawTransaction", testkit.Times(1, testkit.Delay(time.Hour)))
			p.On("eth_getBlockByNumber", testkit.Times(1, testkit.Delay(time.Hour)))
		},
		"a stale head": func(p *testkit.Proxy) { p.Behind(3) },
		"lost replies": func(p *testkit.Proxy) { p.On("eth_sendRawTransaction", testkit.EverySecond(testkit.Drop())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
			proxy := h.behind(1)[0]
			spoil(proxy)
			h.start()
			sold := h.sell(20)
			h.anchored(sold, nil)
			sold = append(sold, h.sell(20)...)
			h.anchored(sold, nil)
			proxy.Clear()
			sold = append(sold, h.sell(20)...)
			h.verify(sold, h.current(sold))
		})
	}
}

func TestOneBadNodeOfThreeDoesNotMatter(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxies := h.behind(3)
	bad := proxies[0]
	h.start()
	var sold []event.SalePriced
	for _, spoil := range []func(){
		func() { bad.Behind(30) },
		func() { bad.Reorganize(2) },
		func() { bad.On("*", testkit.Status(429)) },
		func() { bad.On("*", testkit.Delay(time.Hour)) },
	} {
		bad.Clear()
		spoil()
		sold = append(sold, h.sell(10)...)
		h.anchored(sold, nil)
	}
	h.verify(sold, h.current(sold))
}

func TestOneNodeOfThreeWithABrokenStateStopsNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxies := h.behind(3)
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	ended := h.run()
	sold := h.sell(5)
	h.anchored(sold, nil)
	proxies[0].On("eth_call", func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
		return testkit.Reply{Result: fmt.Appendf(nil, `"0x%064x"`, 1000)} // whatever it is asked for
	})
	// Whichever answer of a check was the first lie: another root, another anchorer or too many batches.
	testkit.Eventually(t, soon, "the node is outvoted", func() error {
		if !strings.Contains(log.String(), "not most of the configured nodes agree: ") {
			return errors.New("not yet")
		}
		return nil
	})
	sold = append(sold, h.sell(5)...)
	h.verify(sold, h.anchored(sold, nil))
	select {
	case err := <-ended:
		t.Fatal(err)
	default:
	}
}

func TestNodesThatDisagreeAreWaitedFor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxies := h.behind(2)
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	proxies[0].Reorganize(2)
	testkit.Eventually(t, soon, "the nodes are not believed", func() error {
		if !strings.Contains(log.String(), "disagree about block") {
			return errors.New("not yet")
		}
		return nil
	})
	done := h.ask("SELECT max(id)::text FROM anchor.batch_event")
	before := proxies[1].Calls("eth_getBlockByNumber")
	sold = append(sold, h.sell(5)...)
	h.leaves(10)
	testkit.Eventually(t, soon, "ten checks in vain", func() error {
		if n := proxies[1].Calls("eth_getBlockByNumber"); n < before+20 {
			return fmt.Errorf("%d calls", n-before)
		}
		return nil
	})
	require.Equal(t, done, h.ask("SELECT max(id)::text FROM anchor.batch_event"), "nothing is done on the word of one of two")
	proxies[0].Clear()
	h.verify(sold, h.current(sold))
}

func TestAForeignTransactionWithOurKeyIsSurvived(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *anchor.Config) { c.BumpAfter = time.Second })
	proxy := h.behind(1)[0]
	h.start()
	sold := h.sell(5)
	h.anchored(sold, nil)
	proxy.On("eth_sendRawTransaction", testkit.Swallow())
	signed := h.ask(signedCount)
	sold = append(sold, h.sell(5)...)
	testkit.Eventually(t, soon, "a batch is signed", func() error {
		if h.ask(signedCount) == signed {
			return errors.New("not yet")
		}
		return nil
	})
	h.transfer() // takes the nonce that the batch was signed for
	proxy.Clear()
	h.verify(sold, h.anchored(sold, nil))
}

const signedCount = "SELECT count(*)::text FROM anchor.tx_attempt"
