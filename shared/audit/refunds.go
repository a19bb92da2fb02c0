package audit

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"maps"
	"slices"

	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

var (
	//go:embed sql/refunds.sql
	refundsSQL string
	//go:embed sql/refunds_among.sql
	refundsAmongSQL string
	//go:embed sql/refund_states.sql
	refundStatesSQL string
	//go:embed sql/refund_states_without.sql
	refundStatesWithoutSQL string
)

// refund is a refund with its sale.
type refund struct {
	of, saleID, terminal     string
	number                   int64
	currency, total          string
	customer, store          string
	earned, redeemed         int64
	recordedUS               int64
	soldKind                 sale.Kind // "" where the sale is missing
	soldCurrency, soldTotal  string
	soldCustomer, soldStore  string
	soldEarned, soldRedeemed int64
}

// refunded is what the refunds of a sale come to.
type refunded struct {
	of               string
	total, refunded  money.Minor
	clawed, returned int64
	doubtful         bool
}

const (
	pageRefunds = 5000 // that one statement reads: more than ten sales may have
	noSale      = "00000000-0000-0000-0000-000000000000"
)

// refunds adds up the refunds of each sale, and compares what is kept of them.
func (a *auditor) refunds(ctx context.Context) error {
	if a.Since != nil {
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(a.refunded)), pageCustomers) {
			if err := a.refundsAmong(ctx, ids); err != nil {
				return err
			}
		}
		return nil
	}
	if err := a.refundsAmong(ctx, nil); err != nil {
		return err
	}
	return a.each(ctx, "audit.refund_state", refundStatesWithoutSQL, func(scan scan) error {
		var id string
		err := scan(&id)
		a.found(Finding{Kind: RefundsAltered, SaleID: id, Detail: "something is kept as refunded and there is no refund"})
		return err
	})
}

// refundsAmong adds up the refunds of some sales; nil for all.
func (a *auditor) refundsAmong(ctx context.Context, ids []string) error {
	for after, more := noSale, true; more; {
		page, err := a.refundPage(ctx, after, ids)
		if err != nil {
			return err
		}
		more = len(page) == pageRefunds
		if more { // the last sale may have more on the next page
			last := page[len(page)-1].of
			for len(page) > 0 && page[len(page)-1].of == last {
				page = page[:len(page)-1]
			}
			if after = last; len(page) == 0 {
				a.found(Finding{Kind: RefundsExceed, SaleID: last, Detail: fmt.Sprintf("the sale has more than %d refunds, which no service records", pageRefunds)})
			}
		}
		if len(page) > 0 {
			after = page[len(page)-1].of
		}
		if err := a.addUp(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) refundPage(ctx context.Context, after string, ids []string) (page []refund, err error) {
	statement, args := refundsSQL, []any{after, pageRefunds}
	if ids != nil {
		statement, args = refundsAmongSQL, append(args, ids)
	}
	err = a.each(ctx, "audit.sale", statement, func(scan scan) error {
		var r refund
		err := scan(&r.of, &r.saleID, &r.terminal, &r.number, &r.currency, &r.total, &r.customer, &r.store, &r.earned, &r.redeemed, &r.recordedUS,
			&r.soldKind, &r.soldCurrency, &r.soldTotal, &r.soldCustomer, &r.soldStore, &r.soldEarned, &r.soldRedeemed)
		page = append(page, r)
		return err
	}, args...)
	return page, err
}

func (a *auditor) addUp(ctx context.Context, page []refund) error {
	var all []refunded
	for i := range page {
		r := &page[i]
		if n := len(all); n == 0 || all[n-1].of != r.of {
			all = append(all, refunded{of: r.of})
		}
		a.refund(&all[len(all)-1], r)
	}
	if len(all) == 0 {
		return nil
	}
	of, ids := make(map[string]*refunded, len(all)), make([]string, len(all))
	for i := range all {
		ids[i] = all[i].of
		of[ids[i]] = &all[i]
	}
	err := a.each(ctx, "audit.refund_state", refundStatesSQL, func(scan scan) error {
		var (
			id                            string
			total, back, clawed, returned int64
		)
		if err := scan(&id, &total, &back, &clawed, &returned); err != nil {
			return err
		}
		s := of[id]
		if s == nil {
			a.found(Finding{Kind: RefundsAltered, SaleID: id, Detail: "what its refunds come to is kept twice"})
			return nil
		}
		delete(of, id)
		if !s.doubtful && (total != int64(s.total) || back != int64(s.refunded) || clawed != s.clawed || returned != s.returned) {
			a.found(Finding{
				Kind: RefundsAltered, SaleID: id,
				Detail: fmt.Sprintf("%d of %d is kept as refunded, the refunds come to %d of %d", back, total, s.refunded, s.total),
			})
		}
		return nil
	}, ids)
	for id := range of {
		a.found(Finding{Kind: RefundsAltered, SaleID: id, Detail: "nothing is kept of the sale's refunds"})
	}
	return err
}

// refund takes in a sale's next refund.
func (a *auditor) refund(s *refunded, r *refund) {
	found := func(kind Kind, format string, values ...any) {
		s.doubtful = true
		a.found(Finding{
			Kind: kind, TerminalID: r.terminal, Number: uint64(r.number), SaleID: r.saleID, Detail: fmt.Sprintf(format, values...),
		})
	}
	currency, err := money.ParseRecorded(r.currency)
	if err != nil || r.soldKind != sale.KindSale || r.currency != r.soldCurrency || r.customer != r.soldCustomer || r.store != r.soldStore {
		found(RefundsExceed, "what it is a refund of, %s, is no sale of the same store, customer and currency", r.of)
		return
	}
	total, wrong := currency.Parse(r.total)
	sold, err := currency.Parse(r.soldTotal)
	if wrong != nil || err != nil || sold <= 0 || total <= 0 || total > sold-s.refunded {
		found(RefundsExceed, "with it the refunds of sale %s come to more than the sale", r.of)
		return
	}
	s.total, s.refunded = sold, s.refunded+total
	if r.customer == "" {
		return
	}
	if r.soldEarned < 0 || r.soldRedeemed < 0 {
		s.doubtful = true
		return
	}
	clawed, returned := loyalty.Share(r.soldEarned, s.refunded, sold), loyalty.Share(r.soldRedeemed, s.refunded, sold)
	if r.earned != s.clawed-clawed || r.redeemed != s.returned-returned {
		found(PointsWrong, "it took back %d points and returned %d, its share of the sale's is %d and %d",
			-r.earned, -r.redeemed, clawed-s.clawed, returned-s.returned)
	}
	s.clawed, s.returned = clawed, returned
}
