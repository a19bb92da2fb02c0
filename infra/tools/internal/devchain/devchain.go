// Package devchain is the development chain as a program of its own, for an engine that runs in containers. Its ether is worth nothing
// and its RPC needs no authentication.
package devchain

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local"
)

// Config is what the chain reads from the environment.
type Config struct {
	Dir       string        `env:"CHAIN_DIR,required,notEmpty" doc:"directory for the chain's data, used by this program only"`
	Host      string        `env:"CHAIN_HOST" envDefault:"127.0.0.1" doc:"address that the RPC listens on; 0.0.0.0 in a container"`
	Port      int           `env:"CHAIN_PORT" envDefault:"8545" doc:"port of the RPC"`
	Names     []string      `env:"CHAIN_NAMES" envSeparator:"," doc:"host names besides localhost by which clients reach it, comma-separated"`
	Fund      []string      `env:"CHAIN_FUND" envSeparator:"," doc:"addresses that hold a million ether each in a new chain, comma-separated"`
	BlockTime time.Duration `env:"CHAIN_BLOCK_TIME" envDefault:"1s" doc:"time between blocks, at least 1s"`

	// Ready, when set, is called once with the RPC's URL on this machine.
	Ready func(url string) `env:"-"`
}

const maxPort = 65_535

// Check names the variable that is wrong.
func (c Config) Check() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("CHAIN_DIR is not set"))
	}
	if c.Port < 0 || c.Port > maxPort {
		errs = append(errs, errors.New("CHAIN_PORT is not a port"))
	}
	if c.BlockTime < time.Second {
		errs = append(errs, errors.New("CHAIN_BLOCK_TIME must be at least 1s: a block's time is in whole seconds"))
	}
	for _, address := range c.Fund {
		if !common.IsHexAddress(address) {
			errs = append(errs, errors.New("CHAIN_FUND has an entry that is not an address"))
		}
	}
	return errors.Join(errs...)
}

// Run keeps the chain until ctx ends. A wrong Config is an Invalid fault that names the variable; a port or directory that
// another program uses is Transient.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", "chain")
	fund := make([]common.Address, len(cfg.Fund))
	for i, address := range cfg.Fund {
		fund[i] = common.HexToAddress(address)
	}
	chain, err := local.StartChain(ctx, local.ChainConfig{
		Dir: cfg.Dir, Host: cfg.Host, Names: cfg.Names, Port: cfg.Port, PortVar: "CHAIN_PORT", Period: cfg.BlockTime, Fund: fund, Log: log,
		AllowedOrigins: []string{"*"}, // receipts' pages ask it, and infra/verify.html, which is of no origin
	})
	if err != nil {
		return fault.WithKind(fault.Transient, err)
	}
	log.Info("the development chain serves RPC", "host", cfg.Host, "port", chain.Port(), "chain_id", chain.ChainID().String())
	if cfg.Ready != nil {
		cfg.Ready(chain.URL())
	}
	<-ctx.Done()
	return chain.Stop()
}
