package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// asked is one record that a till sends until it has a final answer.
type asked struct {
	customer string // of the account that it moves: what is refunded, too
	key      string
	units    int64  // of INR
	redeem   int64  // points
	of       string // the key of the sale that is refunded
}

func (a asked) body() string {
	if a.of != "" {
		return fmt.Sprintf(`{"kind":"refund","refund_of_key":"%s","currency":"INR","total":"%d"}`, a.of, a.units)
	}
	return fmt.Sprintf(`{"currency":"INR","total":"%d","customer_id":"%s","redeem_points":%d}`, a.units, a.customer, a.redeem)
}

// told is the answer that it got.
type told struct {
	code     refusal.Code // "" for a 201
	body     string
	replayed bool
	tries    int // one more than the answers that the outcome is not known
	purchase int64
	balance  int64

	number         uint64
	previous, hash string
}

// account is one customer's, and what is stored under the keys that changed it: the state of the history's model.
type account struct {
	balance, purchases int64
	kept               map[string]keptRecord
}

type keptRecord struct {
	asked     asked
	told      told
	refunded  int64
	earned    int64
	clawed    int64
	returned  int64
	isARefund bool
}

// step is the account's next state if a record with this answer may come next. It follows infra/docs/CONTRACT.md, 3.3 in whole units. A unit
// earns a tenth of a point, a point pays a quarter of a unit, and no tier matters before the tenth purchase.
func (a account) step(in asked, out told) (bool, account) {
	if kept, used := a.kept[in.key]; used {
		if kept.asked != in {
			return out.code == refusal.KeyReused, a
		}
		return out.code == "" && out.replayed && out.body == kept.told.body, a
	}
	var k keptRecord
	next := account{purchases: a.purchases}
	if in.of != "" {
		sold, ok := a.kept[in.of]
		switch {
		case !ok:
			return out.code == refusal.NotFound, a
		case sold.isARefund:
			return out.code == refusal.InvalidRecord, a
		case sold.refunded+in.units > sold.asked.units:
			return out.code == refusal.RefundExceeds, a
		}
		sold.refunded += in.units
		clawed, returned := sold.earned*sold.refunded/sold.asked.units, sold.asked.redeem*sold.refunded/sold.asked.units
		next.balance = a.balance - (clawed - sold.clawed) + (returned - sold.returned)
		sold.clawed, sold.returned = clawed, returned
		next.kept = maps.Clone(a.kept)
		next.kept[in.of] = sold
		k.isARefund = true
	} else {
		if in.redeem > 0 && in.redeem > a.balance {
			return out.code == refusal.FewPoints, a
		}
		next.purchases++
		multiplier := int64(100)
		if next.purchases >= 10 {
			multiplier = 125 // silver
		}
		if next.purchases >= 50 {
			multiplier = 150 // gold
		}
		k.earned = (in.units*4 - in.redeem) * multiplier / 4000 // a redeemed point pays a quarter
		if next.purchases == 1 {
			k.earned += 50
		}
		next.balance = a.balance + k.earned - in.redeem
		next.kept = maps.Clone(a.kept)
	}
	purchase := next.purchases
	if k.isARefund {
		purchase = 0
	}
	k.asked, k.told = in, out
	next.kept[in.key] = k
	fresh := !out.replayed || out.tries > 1
	return out.code == "" && fresh && out.purchase == purchase && out.balance == next.balance, next
}

var accountModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[string][]porcupine.Operation{}
		for _, op := range history {
			customer := op.Input.(asked).customer
			by[customer] = append(by[customer], op)
		}
		return slices.Collect(maps.Values(by))
	},
	Init: func() any { return account{kept: map[string]keptRecord{}} },
	Step: func(state, in, out any) (bool, any) { return state.(account).step(in.(asked), out.(told)) },
	Equal: func(one, other any) bool {
		a, b := one.(account), other.(account)
		return a.balance == b.balance && a.purchases == b.purchases && maps.Equal(a.kept, b.kept)
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}

// chain is one terminal's, and which records are in it: the state of the history's other model. All tills of the history have one key.
type chain struct {
	chainBook

	kept map[string]string // bodies by key
}

// step is the chain's next state if a record with this answer may come next: a new one has the next number and names the last hash.
func (c chain) step(in asked, out told) (bool, chain) {
	body, used := c.kept[in.key]
	switch {
	case out.code != "" || used:
		return out.code != "" || out.body == body, c
	case out.number != c.number+1 || out.previous != c.head:
		return false, c
	}
	next := chain{chainBook: chainBook{number: out.number, head: out.hash}, kept: maps.Clone(c.kept)}
	next.kept[in.key] = out.body
	return true, next
}

var chainModel = porcupine.Model{
	Init: func() any { return chain{chainBook: chainBook{head: noHash}, kept: map[string]string{}} },
	Step: func(state, in, out any) (bool, any) { return state.(chain).step(in.(asked), out.(told)) },
	Equal: func(one, other any) bool {
		a, b := one.(chain), other.(chain)
		return a.chainBook == b.chainBook && maps.Equal(a.kept, b.kept)
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}

// ask posts until the answer is final.
func (t *till) ask(a asked) (told, error) {
	for tries := 1; ; tries++ {
		r, err := t.try(http.MethodPost, "/record", a.body(), "Idempotency-Key", a.key)
		if err != nil {
			return told{}, err
		}
		out := told{tries: tries, body: string(r.Body), replayed: r.Header.Get("Idempotency-Replayed") == "true"}
		if r.Status == http.StatusCreated {
			var sold answer
			if err := json.Unmarshal(r.Body, &sold); err != nil {
				return told{}, err
			}
			out.purchase, out.balance = sold.Loyalty.PurchaseNumber, sold.Loyalty.PointsBalance
			out.number, out.previous, out.hash = sold.RecordNumber, sold.PreviousHash, sold.Anchor.SaleHash
			return out, nil
		}
		var problem struct{ Code refusal.Code }
		if err := json.Unmarshal(r.Body, &problem); err != nil {
			return told{}, err
		}
		if out.code = problem.Code; r.Header.Get("Retry-After") == "" {
			return out, nil
		}
	}
}

// TestWhatTwoGatewaysSayCouldHaveBeenSaidByOne has tills record, redeem, refund, retry and reuse keys on two gateways at once while
// Redis forgets, and checks with porcupine that one patient bookkeeper, one record after the other, could have given every answer.
func TestWhatTwoGatewaysSayCouldHaveBeenSaidByOne(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	const tills, records, customers, keysEach = 8, 50, 4, 30
	keys := make([]string, customers*keysEach)
	for i := range keys {
		keys[i] = newKey()
	}
	start := time.Now()
	histories := together(tills, func(i int) []porcupine.Operation {
		till := shop.till
		if i%2 == 1 {
			till = till.at(other)
		}
		chance := rand.New(rand.NewPCG(uint64(i), 7)) // the same days each time
		var history []porcupine.Operation
		for n := range records {
			customer := chance.IntN(customers)
			key := func() string { return keys[customer*keysEach+chance.IntN(keysEach)] }
			a := asked{customer: fmt.Sprintf("C-%d", customer), key: key(), units: 100 * (1 + chance.Int64N(3))}
			switch chance.IntN(5) {
			case 0, 1: // small enough that several make up most sales
				a.of, a.units = key(), 20*(1+chance.Int64N(6))
			case 2, 3:
				a.redeem = 4 * chance.Int64N(10)
			}
			if a.of == a.key {
				a.of = ""
			}
			if n > 0 && chance.IntN(4) == 0 {
				a = history[chance.IntN(n)].Input.(asked) // again
			}
			called := time.Since(start)
			out, err := till.ask(a)
			if err != nil {
				t.Errorf("%+v: %v", a, err)
				break
			}
			history = append(history, porcupine.Operation{ClientId: i, Input: a, Call: int64(called), Output: out, Return: int64(time.Since(start))})
			if i == 0 && n%10 == 9 {
				shop.flushRedis()
			}
		}
		return history
	})
	all := slices.Concat(histories...)
	codes := map[refusal.Code]int{}
	for _, op := range all {
		codes[op.Output.(told).code]++
	}
	for _, code := range []refusal.Code{"", refusal.KeyReused} { // the others depend on who comes first
		require.NotZero(t, codes[code], "%q was never answered: %v", code, codes)
	}
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(accountModel, all, time.Minute), "%s", lastOf(all))
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(chainModel, all, time.Minute), "%s", lastOf(all))
	shop.checkBooks()
}

// lastOf shows the end of a history, for a test that failed.
func lastOf(all []porcupine.Operation) string {
	const shown = 20
	var lines []string
	for _, op := range all[max(len(all)-shown, 0):] {
		lines = append(lines, fmt.Sprintf("%d–%d till %d: %+v → %+v", op.Call, op.Return, op.ClientId, op.Input, op.Output))
	}
	return strings.Join(lines, "\n")
}
