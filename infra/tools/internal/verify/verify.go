// Package verify checks a sale's proof, the answer of GET /sales/{id}/proof, with nothing but the proof and an Ethereum
// node: everything that can be recomputed is, and the rest is read from the chain.
//
// Not provable, and so the shop's word: a rate's tier, sources and time, and which of the positions that fit the proof is
// leaf_index.
package verify

import (
	"context"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
)

// Verdict is whether a proof is valid, and if it is not, which step failed and why.
type Verdict struct{ Step, Why string }

// Valid reports whether every step succeeded.
func (v Verdict) Valid() bool { return v.Step == "" }

// String is the last line of a run: "valid" or "invalid: <step>".
func (v Verdict) String() string {
	if v.Valid() {
		return "valid"
	}
	return "invalid: " + v.Step
}

// step is one check of the proof. ask reads what the check needs from the chain, nil where it needs nothing; its error
// means that the check could not be completed. check is pure; its error is why the proof is refused.
type step struct {
	name, promise string
	ask           func(context.Context, *Node, proof, *view) error
	check         func(proof, view) error
}

var steps = []step{
	{"request", "the record as received hashes to requestHash and agrees with the sale", nil, checkRequest},
	{"sale_hash", "the sale's fields hash to sale_hash", nil, checkSaleHash},
	{"total", "the total has exactly its currency's digits", nil, checkTotal},
	{"amount", "amount_wei is the total at this rate", nil, checkAmount},
	{"leaf", "sale_hash and amount_wei make the leaf", nil, checkLeaf},
	{"proof", "the leaf leads to the batch's root", nil, checkProof},
	{"position", "leaf_index and size fit the proof", nil, checkPosition},
	{"chain_id", "the node is on the proof's chain", askChainID, checkChainID},
	{"contract", "the code at the contract is SaleAnchor's", askCode, checkContract},
	{"root", "the contract holds the batch's root", askRoot, checkRoot},
	{"verify", "the contract accepts the proof", askVerify, checkVerify},
	{"transaction", "the transaction anchored this batch, root and size", askReceipt, checkTransaction},
	{"block", "its block is on the chain", askCanonical, checkBlock},
	{"finality", "the block is as final as claimed", askFinalized, checkFinality},
}

// Run goes through the steps until one fails and writes a line for each to out. want, when not nil, is the contract that
// the shop published. An error means that the chain could not be queried, so that the check could not be completed; it never
// contains the node's URL.
func Run(ctx context.Context, raw []byte, node *Node, want *common.Address, out io.Writer) (Verdict, error) {
	p, err := read(raw)
	if err != nil {
		return failed(out, "shape", err), nil
	}
	p.published = want
	ok(out, "shape", "every field is there and well-formed")
	var seen view
	for _, s := range steps {
		if s.ask != nil {
			if err := s.ask(ctx, node, p, &seen); err != nil {
				return Verdict{}, fmt.Errorf("%s: %w", s.name, err)
			}
		}
		if err := s.check(p, seen); err != nil {
			return failed(out, s.name, err), nil
		}
		ok(out, s.name, s.promise)
	}
	return Verdict{}, nil
}

func ok(out io.Writer, name, promise string) {
	_, _ = fmt.Fprintf(out, "ok      %-12s%s\n", name, promise) // the verdict is the answer; the lines are a courtesy
}

func failed(out io.Writer, name string, why error) Verdict {
	_, _ = fmt.Fprintf(out, "FAILED  %-12s%v\n", name, why)
	return Verdict{Step: name, Why: why.Error()}
}
