package audit

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/sale"
)

// request is what the command line asks for.
type request struct {
	rpc                config.Secret
	contracts          []common.Address
	jwks               string
	within             time.Duration
	json, checkpoint   string
	since              *audit.Checkpoint
	terminal, customer string
}

// maxCheckpoint is more than a checkpoint of a hundred thousand terminals has, in bytes.
const maxCheckpoint = 64 << 20

func parse(args []string) (r request, err error) {
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	rpc, contract, since := flags.String("rpc", "", ""), flags.String("contract", "", ""), flags.String("since", "", "")
	flags.StringVar(&r.jwks, "jwks", "", "")
	flags.DurationVar(&r.within, "within", time.Hour, "")
	flags.StringVar(&r.json, "json", "", "")
	flags.StringVar(&r.checkpoint, "checkpoint", "", "")
	flags.StringVar(&r.terminal, "terminal", "", "")
	flags.StringVar(&r.customer, "customer", "", "")
	if err := flags.Parse(args); err != nil {
		return r, err
	}
	one := r.terminal != "" || r.customer != ""
	switch {
	case flags.NArg() > 0:
		return r, errors.New("it takes flags only")
	case r.within < 0:
		return r, errors.New("-within must not be below 0")
	case r.terminal != "" && r.customer != "":
		return r, errors.New("-terminal and -customer are two audits")
	case r.customer != "" && !sale.ValidCustomerID(r.customer):
		return r, errors.New("-customer is no customer's id")
	case one && (*since != "" || r.checkpoint != ""):
		return r, errors.New("-since and -checkpoint are of an audit of all, without -terminal and -customer")
	}
	r.rpc = config.Secret(*rpc)
	for each := range strings.SplitSeq(*contract, ",") {
		switch {
		case *contract == "":
		case !common.IsHexAddress(strings.TrimSpace(each)):
			return r, errors.New("-contract must be an address, such as 0x5FbDB2315678afecb367f032d93F642f64180aa3, or several with commas between them")
		default:
			r.contracts = append(r.contracts, common.HexToAddress(strings.TrimSpace(each)))
		}
	}
	if *since != "" {
		if r.since, err = readCheckpoint(*since); err != nil {
			return r, fmt.Errorf("-since: %w", err)
		}
	}
	return r, nil
}

func readCheckpoint(path string) (*audit.Checkpoint, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCheckpoint))
	if err != nil {
		return nil, err
	}
	var c audit.Checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, errors.New("it is no checkpoint of an audit")
	}
	return &c, c.Check()
}

// fileMode is that of a report, which names customers, and of a checkpoint.
const fileMode os.FileMode = 0o600

// write writes the findings, and what else is asked for.
func (r *request) write(report *audit.Report, stdout io.Writer) error {
	if r.json != "-" {
		for i := range report.Findings {
			if _, err := fmt.Fprintln(stdout, report.Findings[i].String()); err != nil {
				return fmt.Errorf("the findings could not be written: %w", err)
			}
		}
	}
	if r.json != "" {
		if err := writeJSON(r.json, report, stdout); err != nil {
			return fmt.Errorf("the report could not be written: %w", err)
		}
	}
	if r.checkpoint == "" || !report.Clean() {
		return nil
	}
	if err := writeJSON(r.checkpoint, report.Checkpoint, stdout); err != nil {
		return fmt.Errorf("the checkpoint could not be written: %w", err)
	}
	return nil
}

// writeJSON writes a file that appears under its name only when it is whole, or standard output for -.
func writeJSON(path string, value any, stdout io.Writer) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = stdout.Write(text)
		return err
	}
	return durable.WriteFile(path, text, fileMode)
}
