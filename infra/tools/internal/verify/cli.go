package verify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/config"
)

// Exit codes of the program.
const (
	exitValid   = 0
	exitInvalid = 1
	exitUnknown = 2 // the check could not be completed
)

const usage = `verify: checks the proof of a sale against the chain, and needs nothing else from the shop.

  verify [-rpc URL] [-contract 0x…] [-log URL] [proof.json | -]

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

// Main is the program: it returns its exit code.
func Main(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	say := func(w io.Writer, format string, values ...any) { _, _ = fmt.Fprintf(w, format, values...) } // nobody is left to report a failure to
	c, err := parse(args, environ, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitValid
	}
	if err != nil {
		say(stderr, "verify: %v\n", err)
		return exitUnknown
	}
	raw, err := readProof(c.file, stdin)
	if err != nil {
		say(stderr, "verify: read the proof: %v\n", err)
		return exitUnknown
	}
	node, err := Dial(ctx, c.rpc)
	if err != nil {
		say(stderr, "verify: %v\n", err)
		return exitUnknown
	}
	defer node.Close()
	c.options.Progress = stderr
	verdict, err := Run(ctx, raw, node, c.options, stdout)
	if err != nil {
		say(stderr, "verify: %v\n", err)
		return exitUnknown
	}
	say(stdout, "%s\n", verdict)
	if !verdict.Valid() {
		return exitInvalid
	}
	return exitValid
}

func parse(args, environ []string, stdout io.Writer) (call, error) {
	env, err := config.Load[Config](environ)
	if err != nil {
		return call{}, err
	}
	c := call{rpc: env.Provider, file: "-"}
	if c.rpc == "" {
		c.rpc = env.Public
	}
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	url := flags.String("rpc", "", "JSON-RPC `URL` of an Ethereum node, http or https")
	contract := flags.String("contract", "", "the `address` that the proof must name")
	gateway := flags.String("log", "", "base `URL` of a gateway, asked for the path of an aged proof")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(stdout, usage)
			config.Describe[Config](stdout)
			return call{}, flag.ErrHelp
		}
		return call{}, errors.New("wrong usage; see --help") // the cause may quote a URL
	}
	if *url != "" {
		c.rpc = config.Secret(*url)
	}
	if *contract != "" {
		address := common.HexToAddress(*contract)
		if !common.IsHexAddress(*contract) || !checksummed(*contract, address) {
			return call{}, errors.New("-contract is not an address, or its EIP-55 checksum is wrong")
		}
		c.options.Contract = &address
	}
	if *gateway != "" {
		if c.options.Gateway, err = NewGateway(config.Secret(*gateway)); err != nil {
			return call{}, err
		}
	}
	switch flags.NArg() {
	case 0:
	case 1:
		c.file = flags.Arg(0)
	default:
		return call{}, errors.New("give one proof at a time, after the flags; see --help")
	}
	if c.rpc == "" {
		return call{}, errors.New("no node to query: give -rpc or set WEB3_PROVIDER")
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
