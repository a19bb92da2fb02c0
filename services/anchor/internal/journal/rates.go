package journal

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// maxReferenceTries bounds how often a reference is read again because another one was added meanwhile, by a replica or an operator.
const maxReferenceTries = 20

// reference is the rate with which the next one of a currency is compared.
type reference struct {
	Value            money.Decimal // fiat per ETH; zero for none yet
	Operator, Reason *string       // who accepted it and why; nil: a leaf came with it
}

// moveReference adds after the last reference of a currency the one that decide makes from it, unless the value is the same and no
// operator accepted it. decide may be called several times, and must start over each time.
func moveReference(ctx context.Context, tx pgx.Tx, currency string, decide func(last money.Decimal) (reference, error)) error {
	for range maxReferenceTries {
		number, last, err := readReference(ctx, tx, currency)
		if err != nil {
			return err
		}
		next, err := decide(last)
		if err != nil || next.Value.String() == last.String() && next.Operator == nil {
			return err
		}
		tag, err := tx.Exec(ctx, insertReferenceSQL, pgx.NamedArgs{
			"currency": currency, "number": number + 1, "value": next.Value.String(), "operator": next.Operator, "reason": next.Reason,
		})
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
	}
	return fault.New(fault.Conflict, "the reference rate of %s changed %d times meanwhile", currency, maxReferenceTries)
}

func readReference(ctx context.Context, tx pgx.Tx, currency string) (number int64, last money.Decimal, err error) {
	var value string
	err = tx.QueryRow(ctx, lastRateSQL, pgx.NamedArgs{"currency": currency}).Scan(&number, &value)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, last, nil
	}
	if err != nil {
		return 0, last, err
	}
	if last, err = money.ParseDecimal(value); err != nil {
		return 0, last, fault.New(fault.Fatal, "the journal's reference rate of %s is not a rate", currency)
	}
	return number, last, nil
}

// AcceptRate makes a value the reference of its currency, as an operator asks for, and returns the one before; "" when there was none.
func (j *Journal) AcceptRate(ctx context.Context, currency money.Currency, value money.Decimal, operator, reason string) (before string, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.inTx(ctx, "accept a rate", func(tx pgx.Tx) error {
		return moveReference(ctx, tx, currency.Code(), func(last money.Decimal) (reference, error) {
			before = last.String()
			return reference{Value: value, Operator: &operator, Reason: &reason}, nil
		})
	})
	return before, err
}
