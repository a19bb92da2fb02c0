package verify

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/promise"
)

const usagePromise = `verify promise: checks a shop's promise, and whether it was kept.

  verify promise [-jwks URL|file] [-proof URL|file] [-rpc URL] [-contract 0x…] [-log URL] answer.json | promise.jws | proof.json | -

The promise is that of a 201, of GET /sales/{id}, of a proof, or a bare compact JWS. Its signature is verified with the shop's
keys: those at -jwks, or at /.well-known/jwks.json of its issuer when that is a URL. What it promises is a proof of its
sale_hash whose batch stands in a block of at most the time anchor_by. -proof is such a proof, a file or the shop's URL; it is
verified as verify does, with the node at -rpc. Without -proof a given proof is taken.

The last line is one of
  kept: …           the proof is valid, and its block in time
  not due yet: …    there is no proof, and the time is not over
  broken: …         the time is over and no valid proof was produced, the block came too late, or another hash was proved
                    under the same terminal and record_number
  invalid: …        the promise itself: its signature, its form, or that the answer says something else

Exit code 0: kept, or not due yet. 1: broken or invalid. 2: wrong usage, or the keys, the proof or the node could not be asked.

`

// promiseMain is the program's command promise.
func (c command) promiseMain(args []string) int {
	env, err := config.Load[Config](c.environ)
	if err != nil {
		return c.failed(err)
	}
	flags := flag.NewFlagSet("verify promise", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	jwks, from := flags.String("jwks", "", ""), flags.String("proof", "", "")
	f := nodeFlags(flags)
	if code, done := c.parsed(flags, args, usagePromise); done {
		return code
	}
	if flags.NArg() != 1 {
		return c.failed(errors.New("give one answer, promise or proof, after the flags; see --help"))
	}
	where, err := f.call(env)
	if err != nil {
		return c.failed(err)
	}
	raw, err := readFile(flags.Arg(0), c.stdin, maxFetchBytes)
	if err != nil {
		return c.failed(err)
	}
	w, err := promised(flags.Arg(0), raw)
	if wrong, ok := errors.AsType[wrongError](err); ok {
		return c.conclude(exitInvalid, "invalid: %v", wrong)
	}
	if err != nil {
		return c.failed(err)
	}
	if *jwks == "" {
		var ok bool
		if *jwks, ok = wellKnown(w.said.Issuer); !ok {
			return c.failed(fmt.Errorf("the issuer %q is not a URL: give the shop's keys with -jwks", w.said.Issuer))
		}
		c.say("keys     those that the issuer %s serves", w.said.Issuer)
	}
	keys, err := c.keys(*jwks)
	if err != nil {
		return c.failed(err)
	}
	said, err := promise.OpenSale(w.jws, *keys)
	if err != nil {
		return c.conclude(exitInvalid, "invalid: %v", err)
	}
	c.say("promise  %s promises record %d of terminal %s in store %s: sale %s, sale_hash %s", said.Issuer, said.RecordNumber, said.TerminalID, said.StoreID,
		said.SaleID, said.SaleHash)
	c.say("promise  made at %s, due at %s", moment(said.IssuedAt), moment(said.AnchorBy))
	where.options.Keys = keys
	return c.judge(said, w, *from, where)
}

// promised reads a promise with what it came in.
func promised(file string, raw []byte) (witness, error) {
	if jws := strings.TrimSpace(string(raw)); !strings.HasPrefix(jws, "{") && !strings.HasPrefix(jws, "[") {
		said, err := promise.Inspect(jws)
		if err != nil {
			return witness{}, wrongError{err}
		}
		return witness{file: file, jws: jws, said: &said}, nil
	}
	found, err := witnesses(file, raw, nil)
	switch {
	case err != nil:
		return witness{}, err
	case len(found) != 1:
		return witness{}, fmt.Errorf("%s holds %d records: give one", file, len(found))
	case found[0].said == nil:
		return witness{}, wrongError{fmt.Errorf("%s holds no promise", file)}
	}
	return found[0], nil
}

// judge says whether a promise was kept.
func (c command) judge(said promise.Sale, w witness, from string, where call) int {
	raw, none := w.proof, "none was given"
	if from != "" {
		var err error
		if raw, none, err = c.produced(from); err != nil {
			return c.failed(fmt.Errorf("read the proof: %w", err))
		}
	}
	if raw == nil {
		return c.without(said, none)
	}
	if where.rpc == "" {
		return c.failed(errNoNode)
	}
	p, err := read(raw)
	if err != nil {
		return c.without(said, "what was produced is no proof: "+err.Error())
	}
	if hash := p.Sale.Hash(); hash != said.SaleHash {
		if p.Sale.TerminalID == said.TerminalID && p.Sale.StoreID == said.StoreID && p.Sale.RecordNumber == said.RecordNumber {
			return c.conclude(exitInvalid, "broken: the promise is of sale_hash %s, the proof of %s: %v", said.SaleHash, hash, errTwoHashes)
		}
		return c.without(said, "the proof is of another record, of sale "+p.Sale.SaleID)
	}
	return c.proved(said, raw, p, where)
}

// proved verifies a proof of the promised hash, and its block's time.
func (c command) proved(said promise.Sale, raw []byte, p proof, where call) int {
	if said.ChainID != "" && (said.ChainID != p.Chain.ChainID || !strings.EqualFold(said.Contract, p.Chain.Contract)) {
		return c.without(said, fmt.Sprintf("the proof is of contract %s on chain %s, and %s on chain %s was promised", p.Chain.Contract, p.Chain.ChainID,
			said.Contract, said.ChainID))
	}
	node, err := Dial(c.ctx, where.rpc)
	if err != nil {
		return c.failed(err)
	}
	defer node.Close()
	where.options.Progress = c.stderr
	verdict, err := Run(c.ctx, raw, node, where.options, c.stdout)
	if err != nil {
		return c.failed(err)
	}
	if !verdict.Valid() {
		return c.without(said, "the proof is "+verdict.String())
	}
	var at *block
	if err := ask(c.ctx, "eth_getBlockByNumber", func(ctx context.Context) (err error) {
		at, err = node.block(ctx, hexutil.EncodeUint64(p.blockNumber))
		return err
	}); err != nil {
		return c.failed(err)
	}
	switch {
	case at == nil || at.hash != p.Chain.BlockHash:
		return c.failed(errors.New("the node has another block there than a moment ago: try again"))
	case int64(at.time) > said.AnchorBy:
		return c.conclude(exitInvalid, "broken: the block %d is of %s, and %s was promised", p.blockNumber, moment(int64(at.time)), moment(said.AnchorBy))
	case p.Chain.Finality != claimedFinal:
		return c.conclude(exitValid, "kept: in block %d of %s, which is not final yet; due at %s", p.blockNumber, moment(int64(at.time)), moment(said.AnchorBy))
	}
	return c.conclude(exitValid, "kept: in block %d of %s; due at %s", p.blockNumber, moment(int64(at.time)), moment(said.AnchorBy))
}

// without judges a promise for which no valid proof was produced.
func (c command) without(said promise.Sale, why string) int {
	if !c.now().After(unix(said.AnchorBy)) {
		return c.conclude(exitValid, "not due yet: due at %s; no proof so far: %s", moment(said.AnchorBy), why)
	}
	return c.conclude(exitInvalid, "broken: it was due at %s, and there is no proof: %s. The promise is the evidence that record %d of %s, sale_hash %s, was made",
		moment(said.AnchorBy), why, said.RecordNumber, said.TerminalID, said.SaleHash)
}

// produced reads a proof from a file or a URL; raw is nil where the shop produces none, and none says how.
func (c command) produced(from string) (raw []byte, none string, err error) {
	if !isURL(from) {
		raw, err = readFile(from, c.stdin, maxProofBytes)
		return raw, "", err
	}
	raw, status, err := fetch(c.ctx, from)
	if err != nil || status == http.StatusOK {
		return raw, "", err
	}
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusUnauthorized {
		return nil, "", fmt.Errorf("HTTP status %d", status)
	}
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(raw, &problem) // without a code the status says enough
	return nil, strings.TrimSpace(fmt.Sprintf("the shop answered %d %s", status, problem.Code)), nil
}
