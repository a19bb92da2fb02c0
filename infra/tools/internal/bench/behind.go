package bench

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/stream"
)

const (
	fundVar    = "TILLSEAL_BENCH_FUND" // the chain's rich account
	readyWord  = "ready"
	readEvery  = 5 * time.Millisecond // for new leaves; a sale's time is measured up to so much too long
	leavesWait = time.Minute          // for the last leaf after the last sale
)

func serveChain(ctx context.Context) error {
	c, err := local.StartChain(ctx, local.ChainConfig{
		Dir: os.Getenv(dirVar), Period: local.DefaultPeriod, Fund: []common.Address{common.HexToAddress(os.Getenv(fundVar))},
	})
	if err != nil {
		return err
	}
	announce(c.URL())
	<-ctx.Done()
	return c.Stop()
}

func servePricing(ctx context.Context) error {
	cfg, err := config.Load[pricing.Config](os.Environ())
	if err != nil {
		return err
	}
	cfg.Ready = func() { announce(readyWord) }
	return pricing.Run(ctx, cfg)
}

func serveAnchor(ctx context.Context) error {
	cfg, err := config.Load[anchor.Config](os.Environ())
	if err != nil {
		return err
	}
	cfg.Ready = func() { announce(readyWord) }
	return anchor.Run(ctx, cfg)
}

func serveLedger(ctx context.Context) error {
	cfg, err := config.Load[ledger.Config](os.Environ())
	if err != nil {
		return err
	}
	cfg.Ready = func() { announce(readyWord) }
	return ledger.Run(ctx, cfg)
}

// startBehind starts what is behind the gateway, with nothing left in the streams of sales in other databases.
func (r *rig) startBehind(ctx context.Context) error {
	if err := r.purge(ctx); err != nil {
		return err
	}
	if r.anchorKey == nil {
		key, err := crypto.GenerateKey()
		if err != nil {
			return fmt.Errorf("make the anchorer's key: %w", err)
		}
		r.anchorKey = key
	}
	r.behind = make(map[string]*child)
	start := func(role string, environ ...string) error {
		c, err := startChild(ctx, role, filepath.Join(r.dir, role+".log"), environ...)
		if err == nil {
			r.behind[role] = c
		}
		return err
	}
	err := start(roleChain, dirVar+"="+filepath.Join(r.dir, "chain"), fundVar+"="+crypto.PubkeyToAddress(r.anchorKey.PublicKey).Hex())
	if err != nil {
		return err
	}
	bus := []string{"NATS_URL=" + r.nats.addr, "LOG_LEVEL=warn"}
	db := func(role string) string { return "DB_URL=" + r.postgres.URL(role, password, dbEngine) }
	if err := start(rolePricing, append(bus, "RATE_STATIC=INR=254321.17")...); err != nil {
		return err
	}
	err = start(roleAnchor, append(bus, db(roleAnchor), "WEB3_PROVIDER="+r.behind[roleChain].addr, "ANCHOR_DEPLOY=true",
		"ANCHOR_PRIVATE_KEY="+hex.EncodeToString(crypto.FromECDSA(r.anchorKey)))...)
	if err != nil {
		return err
	}
	return start(roleLedger, append(bus, db(roleLedger))...)
}

// stopBehind ends them against the stream, the chain last.
func (r *rig) stopBehind() error {
	var errs []error
	for _, role := range []string{rolePricing, roleLedger, roleAnchor, roleChain} {
		errs = append(errs, r.behind[role].stop())
	}
	r.behind = nil
	return errors.Join(errs...)
}

// purge empties the streams.
func (r *rig) purge(ctx context.Context) error {
	conn, err := nats.Connect(r.nats.addr)
	if err != nil {
		return fmt.Errorf("connect to the measurement's NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	for _, name := range []string{stream.SalesRecorded, stream.SalesPriced, stream.SalesAnchored, stream.Batches} {
		in, err := js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if err := in.Purge(ctx); err != nil {
			return fmt.Errorf("purge %s: %w", name, err)
		}
	}
	return nil
}

// throughThePipeline measures, with all services running, from the moment at which a till has its 201 to the one at which the
// sale's leaf is seen in the anchor's journal by another connection. The rate is that of the 201s.
func throughThePipeline(ctx context.Context, r *rig) (_ result, err error) {
	defer func() { err = errors.Join(err, r.stopBehind()) }()
	if err := r.startBehind(ctx); err != nil {
		return result{}, err
	}
	tills, hangUp := r.tills(openConnections, terminals, body)
	defer hangUp()
	for _, t := range tills {
		t.keeps = true
	}
	seen, err := r.watchLeaves(ctx)
	if err != nil {
		return result{}, err
	}
	defer seen.stop()
	load := func(length time.Duration) *sample {
		sold := openFor(ctx, tills, r.cfg.Spread, r.cfg.OpenRate, length)
		var all []recorded
		for _, t := range tills {
			all, t.sales = append(all, t.sales...), nil
		}
		through, missing := seen.times(ctx, all)
		// The wait for the last leaf is not part of the load.
		return &sample{offered: sold.offered, lasted: sold.lasted, answered: sold.answered, took: through, failed: sold.failed + missing}
	}
	res := r.measured(max(r.cfg.warmUp(), time.Second), load)
	return res, seen.failure()
}
