package audit

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"math"
	"time"
)

var (
	//go:embed sql/accounts.sql
	accountsSQL string
	//go:embed sql/accounts_without.sql
	accountsWithoutSQL string
	//go:embed sql/entries_missing.sql
	entriesMissingSQL string
)

// sinceSlack is how long before a checkpoint records are looked at again: clocks of gateways differ.
const sinceSlack = 24 * time.Hour

// withoutEntry finds customers' records that have no entry; ids is nil for all customers.
func (a *auditor) withoutEntry(ctx context.Context, ids []string, fromUS int64) error {
	of := func(from, to int64) error {
		return a.each(ctx, "audit.sale", entriesMissingSQL, func(scan scan) error {
			f := Finding{Kind: EntryMissing, Detail: "the record has no entry"}
			err := scan(&f.SaleID, &f.CustomerID)
			a.found(f)
			return err
		}, ids, from, to)
	}
	if ids != nil {
		return of(fromUS, math.MaxInt64)
	}
	return a.parts(ctx, fromUS, of)
}

// withoutEntries finds accounts that say something of customers without an entry.
func (a *auditor) withoutEntries(ctx context.Context) error {
	return a.each(ctx, "audit.loyalty_account", accountsWithoutSQL, func(scan scan) error {
		var id string
		err := scan(&id)
		a.found(Finding{Kind: AccountAltered, CustomerID: id, Detail: "the account says something and has no entry"})
		return err
	})
}

// accounts compares what is kept of customers with what their entries come to.
func (a *auditor) accounts(ctx context.Context, ended []customer) error {
	of := make(map[string]*customer, len(ended))
	ids := make([]string, len(ended))
	for i := range ended {
		ids[i] = ended[i].id
		of[ids[i]] = &ended[i]
	}
	if len(ids) == 0 {
		return nil
	}
	err := a.each(ctx, "audit.loyalty_account", accountsSQL, func(scan scan) error {
		var (
			id                                  string
			balance, purchases, entries, lastUS int64
			due                                 bool
		)
		if err := scan(&id, &balance, &purchases, &entries, &lastUS, &due); err != nil {
			return err
		}
		c := of[id]
		if c == nil {
			a.found(Finding{Kind: AccountAltered, CustomerID: id, Detail: "the customer has two accounts"})
			return nil
		}
		delete(of, id)
		if balance != c.balance || purchases != c.purchases || entries != c.number || lastUS != c.lastRecorded || due != c.bonusDue && !c.doubtful {
			a.found(Finding{
				Kind: AccountAltered, CustomerID: id,
				Detail: fmt.Sprintf("the account has %d points and %d purchases, the entries come to %d and %d", balance, purchases, c.balance, c.purchases),
			})
		}
		return nil
	}, ids)
	for id, c := range of {
		if c.number == 0 {
			continue // there is no such customer
		}
		a.found(Finding{Kind: AccountAltered, CustomerID: id, Detail: "the account is missing"})
	}
	return err
}
