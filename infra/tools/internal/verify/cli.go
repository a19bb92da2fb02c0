package verify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/config"
)

// Exit codes of the program.
const (
	exitValid   = 0
	exitInvalid = 1
	exitUnknown = 2 // the check could not be completed
)

const usage = `verify: checks the proof of a sale against the chain, and needs nothing else from the shop.

  verify [-rpc URL] [-contract 0x…] [-log URL] [-jwks URL|file] [proof.json | -]
  verify promise --help      a shop's promise, and whether it was kept
  verify chain --help        records of one terminal, and whether they agree with one chain

The proof is the JSON of GET /sales/{id}/proof, from a file or standard input. Every hash is recomputed, then the chain is
queried, preferably at a node of your own choice. A shop could deploy a second contract: -contract names the one that it
published. One line is printed for each step; the last line is "valid" or "invalid: <step>".

The contract keeps one log of all batches. The proof has its batch's path in the log as it was when the proof was made; once
other batches have followed, a path in the longer log is needed. It is taken from the first of these that has it, and the
line of log_root says which:
  1. the gateway at -log, if given: a shop's base URL. What it answers is checked against the contract's logRoot.
  2. the contract's events, all of them since its first block. That can take minutes; progress goes to standard error.
  3. none: the batch is judged by its event in its transaction's receipt alone. log_root, contains and verify are skipped.
Neither 1 nor 2 is needed while no other batch has followed.

A proof has the promise that the till got with its 201. It must be of this record; with -jwks, the shop's
/.well-known/jwks.json, its signature is verified too.

Exit code 0: valid. 1: invalid. 2: wrong usage, or the node could not be queried: the check could not be completed.
Not provable, and so the shop's word: the rate's tier, sources and time, which of the positions that fit is leaf_index, and
deployed_block where the events are not read.

`

// Config is what the program reads from the environment when -rpc is not given.
type Config struct {
	Provider config.Secret `env:"WEB3_PROVIDER" doc:"Ethereum JSON-RPC URLs, comma-separated: the first that answers; never shown"`
	Public   config.Secret `env:"PUBLIC_RPC_URL" doc:"the RPC URL when neither -rpc nor WEB3_PROVIDER is given; never shown"`
}

type call struct {
	rpc     config.Secret
	file    string
	options Options
}

var errNoNode = errors.New("no node to query: give -rpc or set WEB3_PROVIDER")

// Main is the program: it returns its exit code.
func Main(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return command{ctx, environ, stdin, stdout, stderr, time.Now}.main(args)
}

func (c command) main(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "chain":
			return c.chainMain(args[1:])
		case "promise":
			return c.promiseMain(args[1:])
		}
	}
	return c.proofMain(args)
}

// proofMain is the program without a command.
func (c command) proofMain(args []string) int {
	env, err := config.Load[Config](c.environ)
	if err != nil {
		return c.failed(err)
	}
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	jwks := flags.String("jwks", "", "")
	f := nodeFlags(flags)
	files, code, done := c.parsed(flags, args, usage)
	if done {
		return code
	}
	where, err := f.call(env)
	if err != nil {
		return c.failed(err)
	}
	switch len(files) {
	case 0:
	case 1:
		where.file = files[0]
	default:
		return c.failed(errors.New("give one proof at a time; see --help"))
	}
	if where.rpc == "" {
		return c.failed(errNoNode)
	}
	if where.options.Keys, err = c.keys(*jwks); err != nil {
		return c.failed(err)
	}
	raw, err := readProof(where.file, c.stdin)
	if err != nil {
		return c.failed(fmt.Errorf("read the proof: %w", err))
	}
	chain, err := node.Dial(c.ctx, where.rpc.Reveal())
	if err != nil {
		return c.failed(err)
	}
	defer chain.Close()
	where.options.Progress = c.stderr
	verdict, err := Run(c.ctx, raw, chain, where.options, c.stdout)
	if err != nil {
		return c.failed(err)
	}
	if !verdict.Valid() {
		return c.conclude(exitInvalid, "%s", verdict)
	}
	return c.conclude(exitValid, "%s", verdict)
}

// flagsOfNode say where the chain and a path are asked for.
type flagsOfNode struct{ rpc, contract, log *string }

func nodeFlags(flags *flag.FlagSet) flagsOfNode {
	return flagsOfNode{flags.String("rpc", "", ""), flags.String("contract", "", ""), flags.String("log", "", "")}
}

// call reads them; the environment names a node where they don't.
func (f flagsOfNode) call(env Config) (call, error) {
	c := call{rpc: env.Provider, file: "-"}
	if c.rpc == "" {
		c.rpc = env.Public
	}
	if *f.rpc != "" {
		c.rpc = config.Secret(*f.rpc)
	}
	if *f.contract != "" {
		address := common.HexToAddress(*f.contract)
		if !common.IsHexAddress(*f.contract) || !checksummed(*f.contract, address) {
			return call{}, errors.New("-contract is not an address, or its EIP-55 checksum is wrong")
		}
		c.options.Contract = &address
	}
	if *f.log != "" {
		var err error
		if c.options.Gateway, err = NewGateway(config.Secret(*f.log)); err != nil {
			return call{}, err
		}
	}
	return c, nil
}

// readProof reads at most one byte more than a proof may have, so that a longer one is refused as too long.
func readProof(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, maxProofBytes+1))
}
