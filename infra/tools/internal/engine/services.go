package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/promise"
)

// startServices starts the four services through their Run, to be kept running, and waits until tills are served.
func (e *Engine) startServices(ctx, running context.Context) (err error) {
	if err := e.cfg.claimMetrics(ctx); err != nil {
		return err
	}
	if _, err := promise.KeepKey(e.cfg.promiseKey()); err != nil {
		return fmt.Errorf("the promises' key, which the gateway gets as PROMISE_KEY_FILE=%s: %w", e.cfg.promiseKey(), err)
	}
	listener, err := e.cfg.listen(ctx) // before the gateway's settings are read: its promises name the address
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = listener.Close()
		}
	}()
	e.GatewayURL = urlOf(listener.Addr())
	e.cfg.Environ = slices.Concat([]string{"PROMISE_ISSUER=" + e.GatewayURL, "PUBLIC_RPC_URL=" + e.ChainURL}, e.cfg.Environ) // unless that says otherwise
	gatewayCfg, errGateway := load[gateway.Config](e, identity.Gateway, "DB_URL="+e.roleURL("gateway"), "REDIS_URL="+e.RedisURL,
		"PROMISE_KEY_FILE="+e.cfg.promiseKey(), "GATEWAY_ADDR="+e.cfg.GatewayAddr, "METRICS_ADDR="+e.cfg.metricsAddr(0))
	pricingCfg, errPricing := load[pricing.Config](e, identity.Pricing, "METRICS_ADDR="+e.cfg.metricsAddr(1))
	anchorCfg, errAnchor := load[anchor.Config](e, identity.Anchor, "DB_URL="+e.roleURL("anchor"), "WEB3_PROVIDER="+e.ChainURL,
		"ANCHOR_PRIVATE_KEY="+e.secrets.AnchorKey, "ANCHOR_DEPLOY=true", "METRICS_ADDR="+e.cfg.metricsAddr(2))
	ledgerCfg, errLedger := load[ledger.Config](e, identity.Ledger, "DB_URL="+e.roleURL("ledger"), "WEB3_PROVIDER="+e.ChainURL,
		"METRICS_ADDR="+e.cfg.metricsAddr(3))
	if err := errors.Join(errGateway, errPricing, errAnchor, errLedger); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	gatewayCfg.Listener = listener
	tills := tills{cfg: gatewayCfg, ready: make(chan struct{}), refused: make(chan error, 1)}
	services := []struct {
		name, meanwhile string
		output          *io.Writer
		run             func(context.Context) error
	}{
		{
			"pricing", "sales are recorded and wait to be priced", &pricingCfg.Telemetry.LogOutput,
			func(ctx context.Context) error { return pricing.Run(ctx, pricingCfg) },
		},
		{
			"anchor", "sales are recorded and wait to be anchored", &anchorCfg.Telemetry.LogOutput,
			func(ctx context.Context) error { return anchor.Run(ctx, anchorCfg) },
		},
		{
			"ledger", "sales are recorded and anchored, and their proofs wait", &ledgerCfg.Telemetry.LogOutput,
			func(ctx context.Context) error { return ledger.Run(ctx, ledgerCfg) },
		},
		{"gateway", "no sale is recorded", &tills.cfg.Telemetry.LogOutput, tills.run},
	}
	for _, s := range services {
		log, err := e.openLog(s.name)
		if err != nil {
			return err
		}
		*s.output = log
		e.start(running, &e.services, part{
			name: s.name, meanwhile: s.meanwhile, path: log.Name(), log: slog.New(slog.NewJSONHandler(log, nil)).With("service", s.name), run: s.run,
		})
	}
	select {
	case <-tills.ready:
		e.cfg.say("gateway on %s", listener.Addr())
		return nil
	case err := <-tills.refused:
		return fmt.Errorf("gateway: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start has a part kept running until ctx ends.
func (e *Engine) start(ctx context.Context, group *sync.WaitGroup, p part) {
	group.Go(func() { e.keeper.keep(ctx, p) })
}

// tills is the gateway. Unless it comes to serve once, the engine does not start.
type tills struct {
	cfg     gateway.Config
	served  bool
	ready   chan struct{} // closed once tills are served
	refused chan error    // why the first run did not come to serve
}

func (t *tills) run(ctx context.Context) error {
	cfg := t.cfg
	cfg.Listening = func(addr string) { t.cfg.Addr, t.cfg.Listener = addr, nil } // the next run serves at the same address
	cfg.Ready = func() {                                                         // Run calls both in this goroutine
		if !t.served {
			close(t.ready)
		}
		t.served = true
	}
	err := gateway.Run(ctx, cfg)
	if !t.served {
		if err == nil {
			err = errors.New("ended by itself")
		}
		t.refused <- err
		<-ctx.Done() // the engine's start ends
	}
	return err
}

// keepCopies makes the copies that downstream systems read. Tills don't wait for that.
func (e *Engine) keepCopies(running context.Context, log *slog.Logger) error {
	cfg, err := load[copies.Config](e, identity.Copier)
	if err != nil {
		return err
	}
	e.start(running, &e.services, part{
		name: "copies", meanwhile: "downstream systems may have nothing to read", path: e.cfg.path("log/servers.log"), log: log, once: true,
		run: func(ctx context.Context) error { return copies.Make(ctx, cfg, log) },
	})
	return nil
}

// load reads the Config of a program that logs in to NATS under this name from its environment.
func load[C any](e *Engine, name string, own ...string) (C, error) {
	cfg, err := config.Load[C](e.cfg.environFor(append(own, "NATS_URL="+e.NATSURL, "NATS_NKEY_FILE="+e.cfg.seedFile(name))...))
	if err != nil {
		return cfg, fmt.Errorf("%s: %w", name, err)
	}
	return cfg, nil
}
