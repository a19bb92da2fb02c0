// Package verify checks a sale's proof, the answer of GET /sales/{id}/proof, with nothing but the proof and an Ethereum
// node: everything that can be recomputed is, and the rest is read from the chain.
//
// Not provable, and so the shop's word: a rate's tier, sources and time, which of the positions that fit the proof is
// leaf_index, and deployed_block where the contract's events are not read.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/promise"
)

// Verdict is whether a proof is valid, and if it is not, which step failed and why.
type Verdict struct{ Step, Why string }

// Valid reports whether no step failed.
func (v Verdict) Valid() bool { return v.Step == "" }

// String is the last line of a run: "valid" or "invalid: <step>".
func (v Verdict) String() string {
	if v.Valid() {
		return "valid"
	}
	return "invalid: " + v.Step
}

// Options are what a run may have besides the proof and the node; the zero value is fine.
type Options struct {
	Contract *common.Address // the contract that the shop published; nil: any with SaleAnchor's code
	Gateway  *Gateway        // asked for the path of a proof that has aged; nil: none
	Progress io.Writer       // how far a search of events is that takes seconds; nil: silent
	Keys     *promise.Set    // that the shop signs promises with; nil: signatures are not checked
}

// sources are what a step's ask may query.
type sources struct {
	*node.Node
	Options
}

// step is one check of the proof. ask reads what the check needs, nil where it needs nothing; its error means that the check
// could not be completed. check is pure; its error is why the proof is refused, or a skipError.
type step struct {
	name, promise string
	ask           func(context.Context, sources, proof, *view) error
	check         func(proof, view) error
}

var steps = []step{
	{"request", "the record as received hashes to requestHash and agrees with the sale", nil, checkRequest},
	{"sale_hash", "the sale's fields hash to sale_hash", nil, checkSaleHash},
	{"promise", "the promise is of this record", askPromise, checkPromise},
	{"total", "the total has exactly its currency's digits", nil, checkTotal},
	{"amount", "amount_wei is the total at this rate, or 0 for a total of 0", nil, checkAmount},
	{"leaf", "sale_hash and amount_wei make the leaf", nil, checkLeaf},
	{"proof", "the leaf leads to the batch's root", nil, checkProof},
	{"position", "leaf_index and size fit the proof", nil, checkPosition},
	{"log", "the batch leads to the root of the log as it was then", nil, checkLog},
	{"chain_id", "the node is on the proof's chain", askChainID, checkChainID},
	{"contract", "the code at the contract is SaleAnchor's", askCode, checkContract},
	{"log_root", "the batch leads to the contract's logRoot", askLogRoot, checkLogRoot},
	{"contains", "the contract holds the batch", askContains, checkContains},
	{"verify", "the contract accepts the proof", askVerify, checkVerify},
	{"transaction", "the transaction anchored this batch, root and size", askReceipt, checkTransaction},
	{"block", "its block is on the chain", askCanonical, checkBlock},
	{"finality", "the block is as final as claimed", askFinalized, checkFinality},
}

// skipError is why a step was left out, which is no reason to refuse the proof.
type skipError string

func (e skipError) Error() string { return string(e) }

// Run goes through the steps until one fails and writes a line for each to out. An error means that the chain could not be
// queried, so that the check could not be completed; it never contains a URL.
func Run(ctx context.Context, raw []byte, chain *node.Node, options Options, out io.Writer) (Verdict, error) {
	p, err := read(raw)
	if err != nil {
		return failed(out, "shape", err), nil
	}
	p.published = options.Contract
	line(out, "ok", "shape", "every field is there and well-formed")
	var seen view
	for _, s := range steps {
		seen.note = ""
		if s.ask != nil {
			if err := s.ask(ctx, sources{chain, options}, p, &seen); err != nil {
				return Verdict{}, fmt.Errorf("%s: %w", s.name, err)
			}
		}
		err := s.check(p, seen)
		switch skip, skipped := errors.AsType[skipError](err); {
		case skipped:
			line(out, "skipped", s.name, skip.Error())
		case err != nil:
			return failed(out, s.name, err), nil
		default:
			line(out, "ok", s.name, s.promise+seen.note)
		}
	}
	return Verdict{}, nil
}

// line is a courtesy: the verdict is the answer.
func line(out io.Writer, result, name, text string) {
	_, _ = fmt.Fprintf(out, "%-8s%-12s%s\n", result, name, text)
}

func failed(out io.Writer, name string, why error) Verdict {
	line(out, "FAILED", name, why.Error())
	return Verdict{Step: name, Why: why.Error()}
}
