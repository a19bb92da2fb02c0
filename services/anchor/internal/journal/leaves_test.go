package journal_test

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor/internal/claim"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAForgedSaleInTheSameDeliveryDoesNotHarmTheTrueOne(t *testing.T) {
	b := setup(t)
	honest := leaf(1)
	forged := honest
	forged.SaleHash = common.Hash{0xbd}
	b.commit(honest)
	refused := b.add(honest, forged, honest)
	require.Equal(t, []claim.Why{"", claim.WhySale, ""}, why(refused))
}

func why(refused []claim.Refusal) (whys []claim.Why) {
	for _, r := range refused {
		whys = append(whys, r.Why)
	}
	return whys
}

// atRate is a leaf of a rupee at another rate, in rupees to the ETH.
func atRate(value int64) journal.Leaf {
	l := leaf(0)
	l.AmountWei = new(big.Int).Div(new(big.Int).Add(big.NewInt(1e18), big.NewInt(value-1)), big.NewInt(value)) // rounded up
	l.Rate.ID, l.Rate.Value = fmt.Sprintf("r%d", value), strconv.FormatInt(value, 10)
	return l
}

// commitRupees commits sales of a rupee each.
func (b *book) commitRupees(leaves ...journal.Leaf) {
	b.t.Helper()
	for _, l := range leaves {
		l.AmountWei = big.NewInt(1e18)
		b.commit(l)
	}
}

func TestNoStatementJournalsALeafThatNoCommittedSaleBears(t *testing.T) {
	b := setup(t)
	true1, noSale, otherHash, otherAmount, otherCurrency, otherRate, otherStore := leaf(1), leaf(2), leaf(3), leaf(4), leaf(5), leaf(6), leaf(7)
	b.commit(true1, otherHash, otherAmount, otherCurrency, otherRate, otherStore)
	otherHash.SaleHash[0] ^= 1
	otherStore.StoreID = "s2"
	otherAmount.AmountWei = new(big.Int).Add(otherAmount.AmountWei, big.NewInt(1))
	otherCurrency.Rate = &event.Rate{ID: "usd", Value: "1", Currency: "USD"}
	b.add(true1)
	otherRate.Rate.Value, otherRate.AmountWei = "2", new(big.Int).Div(otherRate.AmountWei, big.NewInt(2)) // under an id that is known
	require.Equal(t, []claim.Why{claim.WhySale, claim.WhySale, claim.WhyAmount, claim.WhyCurrency, claim.WhyRate, claim.WhyStore, ""},
		why(b.add(noSale, otherHash, otherAmount, otherCurrency, otherRate, otherStore, true1)))
	require.Equal(t, 1, b.count("SELECT count(*) FROM anchor.leaf"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM anchor.rate"), "nor is anything else written down")

	b.exec("UPDATE anchor.leaf SET sale_hash = $1", common.Hash{0xbd}.Bytes())
	require.Equal(t, []claim.Why{claim.WhyJournal}, why(b.add(true1)))
}

// key commits a record that no till sends and returns the leaf of its total of zero.
func (b *book) key() journal.Leaf {
	b.t.Helper()
	l := leaf(0)
	l.StoreID, l.AmountWei, l.Rate = sale.Operator, new(big.Int), nil
	testkit.Commit(b.t, b.admin, testkit.Committed{
		Sale: sale.Sale{
			SaleID: l.SaleID.String(), Kind: sale.KindKey, StoreID: sale.Operator, TerminalID: sale.Operator, Currency: money.NoCurrency, Total: "0",
		}, SaleHash: l.SaleHash,
	})
	return l
}

func TestATotalOfZeroAloneGetsALeafWithoutARate(t *testing.T) {
	b := setup(t)
	first, zero, second := leaf(1), b.key(), leaf(2)
	b.commit(first, second)
	noRate, noWei, dear, needless := leaf(3), leaf(4), b.key(), b.key()
	b.commit(noRate, noWei)
	noRate.Rate = nil
	noWei.Rate, noWei.AmountWei = nil, new(big.Int)
	dear.AmountWei = big.NewInt(1)
	needless.Rate = &event.Rate{ID: "xxx", Value: "1", Currency: money.NoCurrency}
	require.Equal(t, []claim.Why{"", "", claim.WhyAmount, claim.WhyAmount, claim.WhyAmount, claim.WhyRate, "", ""},
		why(b.add(first, zero, noRate, noWei, dear, needless, second, zero)))
	require.Equal(t, 3, b.count("SELECT count(*) FROM anchor.leaf"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM anchor.leaf WHERE amount_wei = 0 AND rate_id IS NULL"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM anchor.rate"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM anchor.rate_reference"), "nothing is compared with it")
	require.Equal(t, []claim.Why{""}, why(b.add(zero)), "when it comes again")

	_, err := b.Seal(t.Context(), b.scope, 1, 3)
	require.NoError(t, err)
	leaves, err := b.BatchLeaves(t.Context(), b.scope.Deployment, 1)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(leaves, func(l journal.Leaf) bool { return l.SaleID == zero.SaleID && l.AmountWei.Sign() == 0 }))
}

func TestTwoRatesUnderOneIDInOneDeliveryAreNotBothTaken(t *testing.T) {
	b := setup(t)
	one, other := atRate(100), atRate(101)
	b.commitRupees(one, other)
	other.Rate.ID = one.Rate.ID
	_, err := b.AddLeaves(t.Context(), []journal.Leaf{one, other})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.Equal(t, []claim.Why{"", claim.WhyRate}, why(b.add(one, other)), "when they come again")
}

func TestARateThatJumpsIsRefusedUntilAnOperatorAcceptsIt(t *testing.T) {
	b := setup(t)
	first, double, more, half, less := atRate(100), atRate(200), atRate(401), atRate(100), atRate(49)
	again := atRate(400)
	b.commitRupees(first, double, more, half, less, again)
	require.Equal(t, []claim.Why{"", "", claim.WhyJump, "", claim.WhyJump}, why(b.add(first, double, more, half, less)))
	require.Equal(t, 3, b.count("SELECT count(*) FROM anchor.leaf"))
	require.Equal(t, []claim.Why{claim.WhyJump, claim.WhyJump}, why(b.add(again, more)), "compared with 100, the last one journaled")

	inr, err := money.ParseCurrency("INR")
	require.NoError(t, err)
	accepted, err := money.ParseDecimal("400")
	require.NoError(t, err)
	before, err := b.AcceptRate(t.Context(), inr, accepted, "asha", "the market is there")
	require.NoError(t, err)
	require.Equal(t, "100", before)
	require.Equal(t, []claim.Why{"", "", "", claim.WhyJump}, why(b.add(first, more, again, less)), "one that has its leaf is not judged again")
	require.Equal(t, 1, b.count("SELECT count(*) FROM anchor.rate_reference WHERE operator = 'asha' AND value = '400'"))
}

// A rate counts as the last one when a leaf came with it.
func TestASaleThatCameTwiceMovesTheRateOnce(t *testing.T) {
	b := setup(t)
	first, next := atRate(100), atRate(301)
	b.commitRupees(first, next)
	again := atRate(199)
	again.SaleID, again.SaleHash = first.SaleID, first.SaleHash
	require.Equal(t, []claim.Why{"", "", claim.WhyJump}, why(b.add(first, again, next)), "301 is compared with 100, and not with 199")
}

func TestTheFirstRateOfACurrencyIsTaken(t *testing.T) {
	b := setup(t)
	usual, eur := atRate(100), atRate(9)
	b.commitRupees(usual)
	testkit.Commit(t, b.admin, testkit.Committed{
		Sale: sale.Sale{SaleID: eur.SaleID.String(), StoreID: "s1", TerminalID: "t1", Currency: "EUR", Total: "1.00"}, SaleHash: eur.SaleHash,
	})
	eur.Rate.Currency = "EUR"
	require.Equal(t, []claim.Why{"", ""}, why(b.add(usual, eur)))
}

// Of two intakes one waits for the other: whichever comes second is compared with the first one's rate.
func TestIntakesAtOnceDecideAsOneWould(t *testing.T) {
	b := setup(t)
	last := atRate(100)
	b.commitRupees(last)
	b.add(last)
	reference := func() (value string) {
		conn, err := pgx.Connect(t.Context(), b.admin)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT value FROM anchor.rate_reference ORDER BY number DESC LIMIT 1").Scan(&value))
		return value
	}
	for range 20 {
		up, down := atRate(190), atRate(60) // either is well by itself, and neither after the other
		b.commitRupees(up, down)
		var refused [2][]claim.Refusal
		var group errgroup.Group
		for i, l := range []journal.Leaf{up, down} {
			group.Go(func() (err error) {
				refused[i], err = b.AddLeaves(t.Context(), []journal.Leaf{l})
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.Len(t, slices.DeleteFunc(append(why(refused[0]), why(refused[1])...), func(w claim.Why) bool { return w == "" }), 1)
		inr, err := money.ParseCurrency("INR")
		require.NoError(t, err)
		hundred, err := money.ParseDecimal("100")
		require.NoError(t, err)
		_, err = b.AcceptRate(t.Context(), inr, hundred, "asha", "as before")
		require.NoError(t, err)
		require.Equal(t, "100", reference())
	}
}

func (b *book) count(sql string) (n int) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.admin)
	require.NoError(b.t, err)
	defer conn.Close(b.t.Context())
	require.NoError(b.t, conn.QueryRow(b.t.Context(), sql).Scan(&n))
	return n
}
