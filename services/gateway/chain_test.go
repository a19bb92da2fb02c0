package gateway_test

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// chained holds answers to be one terminal's whole chain, in any order.
func chained(t *testing.T, all []answer) {
	t.Helper()
	slices.SortFunc(all, func(a, b answer) int { return cmp.Compare(a.RecordNumber, b.RecordNumber) })
	head := noHash
	for i, a := range all {
		require.Equal(t, uint64(i+1), a.RecordNumber, "numbers are dense, and each is given out once")
		require.Equal(t, head, a.PreviousHash)
		head = a.Anchor.SaleHash
	}
}

func TestSalesOfOneTillAtTwoGatewaysStandInOneChain(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	all := together(120, func(i int) answer {
		till := shop.till
		if i%2 == 1 {
			till = till.at(other)
		}
		for {
			r := must(till.try(http.MethodPost, "/record", `{"currency":"INR","total":"1"}`, "Idempotency-Key", newKey()))
			if r.Status == http.StatusCreated {
				return read[answer](t, r)
			}
		}
	})
	chained(t, all)
	shop.checkBooks()
}

func TestABatchChainsInItsOrderAndARefusalTakesNoNumber(t *testing.T) {
	shop := setup(t)
	again := newKey()
	_, got := shop.till.batch(entry(again, tea), entry(newKey(), `{"currency":"INR","total":"1","customer_id":"C-1001","redeem_points":9999}`),
		entry(newKey(), `{"kind":"refund","refund_of_key":"`+again+`","currency":"INR","total":"2"}`), entry(again, tea), entry(newKey(), tea))
	var numbers []uint64
	for _, one := range got {
		if one.Status == http.StatusCreated {
			numbers = append(numbers, read[answer](t, reply{Body: one.Body}).RecordNumber)
		}
	}
	require.Equal(t, []uint64{1, 2, 1, 3}, numbers, "the replay shows its own")
	refuses(t, shop.till.post(again, `{"currency":"INR","total":"7"}`), 422, "IDEMPOTENCY_KEY_REUSED")
	_, last := shop.till.sell(newKey(), tea)
	require.Equal(t, uint64(4), last.RecordNumber)
	shop.checkBooks()
}

// TestAKilledGatewayLeavesNoGap kills a gateway while 64 clients of one till sell there and at another one, and lets each client ask again
// until it has its answer.
func TestAKilledGatewayLeavesNoGap(t *testing.T) {
	shop := setup(t)
	killed := shop.addProcess("killed")
	var sold atomic.Int64
	const clients, each = 64, 5
	all := together(clients, func(i int) []answer {
		var answers []answer
		at := &till{t, killed.url, shop.till.key}
		if i%2 == 1 {
			at = shop.till
		}
		for range each {
			key := newKey()
			for {
				r, err := at.try(http.MethodPost, "/record", tea, "Idempotency-Key", key)
				if err != nil {
					at = shop.till // as a load balancer does
				}
				if err == nil && r.Status == http.StatusCreated {
					answers = append(answers, read[answer](t, r))
					break
				}
			}
			if sold.Add(1) == clients {
				killed.kill()
			}
		}
		return answers
	})
	chained(t, slices.Concat(all...))
	require.Equal(t, clients*each, shop.sales())
	shop.checkBooks()
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	p.killed = true
	p.signal(syscall.SIGKILL)
}

// TestATerminalWithoutAHeadIsRefusedAlone removes a row that no service removes.
func TestATerminalWithoutAHeadIsRefusedAlone(t *testing.T) {
	shop := setup(t)
	other := shop.newTill("s1", "t2")
	shop.exec("DELETE FROM sales.terminal_head WHERE terminal_id = 't2'")
	shop.till.sell(newKey(), tea) // once the gateway is prepared
	refuses(t, other.post(newKey(), tea), 409, refusal.Altered)
	shop.till.sell(newKey(), tea)
	eventually(t, "it is in the log", func() error {
		if log := shop.gates[0].log.String(); !strings.Contains(log, "ALARM: a terminal's head") || !strings.Contains(log, `"terminal_id":"t2"`) {
			return errors.New("not yet")
		}
		return nil
	})
}
