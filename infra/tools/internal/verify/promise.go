package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/promise"
)

func askPromise(_ context.Context, from sources, _ proof, v *view) error {
	if v.keys = from.Keys; v.keys == nil {
		v.note = "; its signature was not checked, for want of -jwks"
	}
	return nil
}

func checkPromise(p proof, v view) error {
	if p.Promise == "" {
		return skipError("the record is older than promises")
	}
	said, err := opened(p.Promise, v.keys)
	if err != nil {
		return err
	}
	at := time.UnixMicro(int64(p.Sale.RecordedAt)).Unix()
	of := committed{
		id: p.Sale.SaleID, store: p.Sale.StoreID, terminal: p.Sale.TerminalID, number: p.Sale.RecordNumber, hash: p.SaleHash,
	}
	switch err := of.differs(said); {
	case err != nil:
		return err
	case said.IssuedAt != at:
		return fmt.Errorf("it was made at %s, the record at %s", moment(said.IssuedAt), moment(at))
	case said.ChainID != "" && (said.ChainID != p.Chain.ChainID || !strings.EqualFold(said.Contract, p.Chain.Contract)):
		return fmt.Errorf("it names contract %s of chain %s", said.Contract, said.ChainID)
	}
	return nil
}

// opened reads what a promise says, verified where there are keys.
func opened(jws string, keys *promise.Set) (promise.Sale, error) {
	if keys == nil {
		return promise.Inspect(jws)
	}
	return promise.OpenSale(jws, *keys)
}

// committed is what is known of a record.
type committed struct {
	id, store, terminal string
	number              uint64
	hash                common.Hash
}

// differs says in which way a promise is of another record.
func (r committed) differs(said promise.Sale) error {
	switch {
	case said.SaleID != r.id:
		return fmt.Errorf("it is of sale %s", said.SaleID)
	case said.SaleHash != r.hash:
		return fmt.Errorf("it signs sale_hash %s", said.SaleHash)
	case said.StoreID != r.store:
		return fmt.Errorf("it names store %s", said.StoreID)
	case said.TerminalID != r.terminal:
		return fmt.Errorf("it names terminal %s", said.TerminalID)
	case said.RecordNumber != r.number:
		return fmt.Errorf("it signs record_number %d", said.RecordNumber)
	}
	return nil
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// moment writes Unix seconds for people.
func moment(seconds int64) string { return unix(seconds).Format(time.RFC3339) }

var errTwoHashes = errors.New("two hashes under one terminal and record_number, which convicts the shop")
