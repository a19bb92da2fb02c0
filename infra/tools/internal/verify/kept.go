package verify

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/promise"
)

const usagePromise = `verify promise: checks a shop's promise, and whether it was kept.

  verify promise [-jwks URL|file] [-proof URL|file] [-rpc URL] [-contract 0x…] [-log URL] answer.json | proof.json | promise.jws | -

The promise is that of a 201, of GET /sales/{id}, of a proof, or a bare compact JWS. Its signature is verified with the shop's
keys: those at -jwks, or at /.well-known/jwks.json of its issuer when that is a URL, and a line says so: whoever made a promise
chose its issuer. What it promises is a proof of its sale_hash whose batch stands in a block of at most the time anchor_by.
-proof is such a proof, a file or the shop's URL; it is verified as verify does, with the node at -rpc. Without -proof a given
proof is taken. The shop produced none when its URL answers 404, 409, 410 or the like; when it can't be reached, sends elsewhere,
asks for a key or answers 5xx, that is left open, with exit code 2.

The last line is one of
  kept: …           the proof is valid, and its block in time
  not due yet: …    there is no proof, and the time is not over
  broken: …         the time is over and no valid proof was produced, the block came too late, or the shop has signed or
                    anchored another hash under the same terminal and record_number
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
	files, code, done := c.parsed(flags, args, usagePromise)
	switch {
	case done:
		return code
	case len(files) != 1:
		return c.failed(errors.New("give one answer, proof or promise; see --help"))
	}
	where, err := f.call(env)
	if err != nil {
		return c.failed(err)
	}
	raw, err := readFile(files[0], c.stdin, maxFetchBytes)
	if err != nil {
		return c.failed(err)
	}
	w, err := promised(files[0], raw)
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
		c.say("keys     those that the issuer %q serves", w.said.Issuer)
	}
	if where.options.Keys, err = c.keys(*jwks); err != nil {
		return c.failed(err)
	}
	said, err := promise.OpenSale(w.jws, *where.options.Keys)
	if err != nil {
		return c.conclude(exitInvalid, "invalid: %v", err)
	}
	c.evidence(said, keyOf(w.jws))
	return c.judge(said, w.proof, *from, where)
}

// evidence says what was promised, and who signed it.
func (c command) evidence(said promise.Sale, kid string) {
	c.say("promise  %q promises record %d of terminal %q in store %q: sale %q, sale_hash %s", said.Issuer, said.RecordNumber, said.TerminalID, said.StoreID,
		said.SaleID, said.SaleHash)
	c.say("promise  made at %s, due at %s, signed with the key %s", moment(said.IssuedAt), moment(said.AnchorBy), kid)
	if said.ChainID != "" {
		c.say("promise  to be anchored at contract %s on chain %s", said.Contract, said.ChainID)
	}
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
	found, wrong, err := witnesses(file, raw, nil)
	switch {
	case err != nil:
		return witness{}, err
	case len(wrong) > 0:
		return witness{}, wrong[0]
	case len(found) != 1:
		return witness{}, fmt.Errorf("%s holds %d records: give one", file, len(found))
	case found[0].said == nil:
		return witness{}, wrongError{fmt.Errorf("%s holds no promise", file)}
	}
	return found[0], nil
}

// judge says whether a promise was kept, by the proof that came with it or the one from elsewhere.
func (c command) judge(said promise.Sale, raw []byte, from string, where call) int {
	none := "none was given"
	if from != "" {
		var err error
		if raw, none, err = c.produced(from); err != nil {
			return c.failed(fmt.Errorf("read the proof: %w", err))
		}
	}
	if raw == nil {
		return c.without(said, none)
	}
	p, err := read(raw)
	switch {
	case err != nil:
		return c.without(said, "what was produced is no proof: "+err.Error())
	case p.Sale.Hash() == said.SaleHash && !p.at(said):
		return c.without(said, fmt.Sprintf("the proof is of contract %s on chain %s", p.Chain.Contract, p.Chain.ChainID))
	case p.Sale.Hash() == said.SaleHash:
		return c.proved(said, raw, p, where)
	case p.committed().place() != placeOf(said):
		return c.without(said, "the proof is of another record, of sale "+strconv.Quote(p.Sale.SaleID))
	}
	return c.another(said, raw, p, where)
}

// another judges a proof of another hash under the promise's terminal and number. Anybody can write such a file: it convicts the shop when the
// shop has signed that hash too, or anchored it at the contract that it named.
func (c command) another(said promise.Sale, raw []byte, p proof, where call) int {
	const convicted = "broken: two hashes under one terminal and record_number, which convicts the shop: %s is promised, and %s is %s"
	twice, err := promise.OpenSale(p.Promise, *where.options.Keys)
	if err == nil && placeOf(twice) == placeOf(said) && twice.SaleHash != said.SaleHash {
		return c.conclude(exitInvalid, convicted, said.SaleHash, twice.SaleHash, "promised too, with the key "+keyOf(p.Promise))
	}
	const other = "the proof is of another hash under the same terminal and record_number"
	if !p.at(said) || (said.ChainID == "" && where.options.Contract == nil) {
		return c.without(said, fmt.Sprintf("%s, without the shop's promise, at contract %s on chain %s, which may be anybody's", other, p.Chain.Contract,
			p.Chain.ChainID))
	}
	verdict, _, err := c.verified(raw, p, where)
	switch {
	case err != nil:
		return c.failed(err)
	case !verdict.Valid():
		return c.without(said, other+", and "+verdict.String())
	}
	return c.conclude(exitInvalid, convicted, said.SaleHash, p.SaleHash, "anchored in block "+p.Chain.BlockNumber)
}

// proved verifies a proof of the promised hash, and its block's time.
func (c command) proved(said promise.Sale, raw []byte, p proof, where call) int {
	verdict, at, err := c.verified(raw, p, where)
	switch {
	case err != nil:
		return c.failed(err)
	case !verdict.Valid():
		return c.without(said, "the proof is "+verdict.String())
	}
	if said.ChainID == "" && where.options.Contract == nil {
		c.say("contract %s is named by the proof alone: -contract names the one that the shop published", p.Chain.Contract)
	}
	in := fmt.Sprintf("in block %d of %s", p.blockNumber, unix(int64(at.Time)).Format(time.RFC3339))
	switch {
	case at.Time > uint64(said.AnchorBy):
		return c.conclude(exitInvalid, "broken: it was anchored too late, %s, due at %s", in, moment(said.AnchorBy))
	case p.Chain.Finality != claimedFinal:
		return c.conclude(exitValid, "kept: %s, which is not final yet; due at %s", in, moment(said.AnchorBy))
	}
	return c.conclude(exitValid, "kept: %s; due at %s", in, moment(said.AnchorBy))
}

// verified verifies a proof as verify does, and returns its block when it is valid.
func (c command) verified(raw []byte, p proof, where call) (Verdict, *node.Block, error) {
	if where.rpc == "" {
		return Verdict{}, nil, errNoNode
	}
	chain, err := node.Dial(c.ctx, where.rpc.Reveal())
	if err != nil {
		return Verdict{}, nil, err
	}
	defer chain.Close()
	where.options.Progress = c.stderr
	verdict, err := Run(c.ctx, raw, chain, where.options, c.stdout)
	if err != nil || !verdict.Valid() {
		return verdict, nil, err
	}
	at, err := chain.Block(c.ctx, hexutil.EncodeUint64(p.blockNumber))
	if err != nil {
		return Verdict{}, nil, err
	}
	if at == nil || at.Hash != p.Chain.BlockHash {
		return Verdict{}, nil, errors.New("the node has another block there than a moment ago: try again")
	}
	return verdict, at, nil
}

// without judges a promise for which no valid proof was produced.
func (c command) without(said promise.Sale, why string) int {
	if !c.now().After(unix(said.AnchorBy)) {
		return c.conclude(exitValid, "not due yet: due at %s; no proof so far: %s", moment(said.AnchorBy), why)
	}
	return c.conclude(exitInvalid, "broken: it was due at %s, and no proof was produced: %s", moment(said.AnchorBy), why)
}

// produced reads a proof from a file or a URL; raw is nil where the shop produces none, and none says how. An answer that says nothing about
// the record (the shop is away, asks for a key, or sends elsewhere) is an error.
func (c command) produced(from string) (raw []byte, none string, err error) {
	if !isURL(from) {
		raw, err = readFile(from, c.stdin, maxProofBytes)
		return raw, "", err
	}
	raw, status, err := fetch(c.ctx, from)
	switch {
	case err != nil || status == http.StatusOK:
		return raw, "", err
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests,
		status < http.StatusBadRequest, status >= http.StatusInternalServerError:
		return nil, "", fmt.Errorf("HTTP status %d", status)
	}
	var problem struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(raw, &problem) != nil || !problemCode.MatchString(problem.Code) {
		problem.Code = "without a code"
	}
	return nil, fmt.Sprintf("the shop answered %d %s", status, problem.Code), nil
}

// problemCode is the form of the gateway's codes (infra/docs/CONTRACT.md, 2): what is shown has no other text of the answer.
var problemCode = regexp.MustCompile(`^[A-Z][A-Z_]{0,39}$`)
