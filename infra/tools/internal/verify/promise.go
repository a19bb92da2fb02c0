package verify

import (
	"context"
	"encoding/base64"
	"encoding/json"
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
	return p.contradicts(said)
}

// contradicts says in which way a promise is not the one of the proof's record.
func (p proof) contradicts(said promise.Sale) error {
	if err := p.committed().differs(said); err != nil {
		return err
	}
	if !p.at(said) {
		return fmt.Errorf("it names contract %s of chain %s", said.Contract, said.ChainID)
	}
	return nil
}

// at reports whether the proof is of the contract that a promise names, if it names one.
func (p proof) at(said promise.Sale) bool {
	return said.ChainID == "" || (said.ChainID == p.Chain.ChainID && strings.EqualFold(said.Contract, p.Chain.Contract))
}

func (p proof) committed() committed {
	const microseconds = 1_000_000
	return committed{
		id: p.Sale.SaleID, store: p.Sale.StoreID, terminal: p.Sale.TerminalID, number: p.Sale.RecordNumber, hash: p.SaleHash,
		at: int64(p.Sale.RecordedAt / microseconds),
	}
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
	at                  int64 // Unix seconds
}

// place is the terminal and number of a record, under which a shop may sign one hash.
func (r committed) place() committed {
	return committed{store: r.store, terminal: r.terminal, number: r.number}
}

func placeOf(said promise.Sale) committed {
	return committed{store: said.StoreID, terminal: said.TerminalID, number: said.RecordNumber}
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
	case said.IssuedAt != r.at:
		return fmt.Errorf("it was made at %s, the record at %s", moment(said.IssuedAt), moment(r.at))
	}
	return nil
}

// keyOf is the kid of a promise that was opened.
func keyOf(jws string) string {
	var header struct {
		Kid string `json:"kid"`
	}
	text, _, _ := strings.Cut(jws, ".")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &header)
	}
	if err != nil {
		panic("verify: a promise without a header was opened: " + err.Error())
	}
	return header.Kid
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// moment writes Unix seconds for people.
func moment(seconds int64) string { return unix(seconds).Format(time.RFC3339) }
