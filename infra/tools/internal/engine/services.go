package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
)

// startServices runs the four through their doors and waits until tills are served.
func (e *Engine) startServices(ctx context.Context) error {
	if err := e.cfg.claimMetrics(ctx); err != nil {
		return err
	}
	gatewayCfg, err := load[gateway.Config](e, identity.Gateway, "DB_URL="+e.roleURL("gateway"), "REDIS_URL="+e.RedisURL,
		"GATEWAY_ADDR="+e.cfg.GatewayAddr, "METRICS_ADDR="+e.cfg.metricsAddr(0))
	if err != nil {
		return err
	}
	pricingCfg, err := load[pricing.Config](e, identity.Pricing, "METRICS_ADDR="+e.cfg.metricsAddr(1))
	if err != nil {
		return err
	}
	anchorCfg, err := load[anchor.Config](e, identity.Anchor, "DB_URL="+e.roleURL("anchor"), "WEB3_PROVIDER="+e.ChainURL,
		"ANCHOR_PRIVATE_KEY="+e.secrets.AnchorKey, "ANCHOR_DEPLOY=true", "METRICS_ADDR="+e.cfg.metricsAddr(2))
	if err != nil {
		return err
	}
	ledgerCfg, err := load[ledger.Config](e, identity.Ledger, "DB_URL="+e.roleURL("ledger"), "METRICS_ADDR="+e.cfg.metricsAddr(3))
	if err != nil {
		return err
	}
	ready := make(chan string, 1)
	gatewayCfg.Ready = func(addr string) { ready <- addr }

	running, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Close stops them, in order
	e.stopServices = cancel
	e.services = &errgroup.Group{}
	e.run(running, "pricing", &pricingCfg.Telemetry.LogOutput, func(ctx context.Context) error { return pricing.Run(ctx, pricingCfg) })
	e.run(running, "anchor", &anchorCfg.Telemetry.LogOutput, func(ctx context.Context) error { return anchor.Run(ctx, anchorCfg) })
	e.run(running, "ledger", &ledgerCfg.Telemetry.LogOutput, func(ctx context.Context) error { return ledger.Run(ctx, ledgerCfg) })
	e.run(running, "gateway", &gatewayCfg.Telemetry.LogOutput, func(ctx context.Context) error { return gateway.Run(ctx, gatewayCfg) })
	select {
	case addr := <-ready:
		e.GatewayURL = "http://" + addr
		e.cfg.say("gateway on %s", addr)
		return nil
	case err := <-e.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// makeCopies gives downstream systems something to read.
func (e *Engine) makeCopies(ctx context.Context) error {
	cfg, err := load[copies.Config](e, identity.Copier)
	if err != nil {
		return err
	}
	return copies.Make(ctx, cfg, slog.New(slog.NewJSONHandler(e.log, nil)))
}

// load makes the Config of a program that logs in to NATS under this name, of its environment.
func load[C any](e *Engine, name string, own ...string) (C, error) {
	cfg, err := config.Load[C](e.cfg.environFor(append(own, "NATS_URL="+e.NATSURL, "NATS_NKEY_FILE="+e.cfg.seedFile(name))...))
	if err != nil {
		return cfg, fmt.Errorf("%s: %w", name, err)
	}
	return cfg, nil
}

// run starts a service with its log in its own file; one that ends before it is stopped is a failure.
func (e *Engine) run(ctx context.Context, service string, output *io.Writer, door func(context.Context) error) {
	log, err := e.logFile(service)
	if err != nil {
		e.fail(fmt.Errorf("open the log of %s: %w", service, err))
		return
	}
	*output = log
	e.services.Go(func() error {
		defer func() { _ = log.Close() }() // nothing is buffered
		err := door(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("ended by itself")
			}
			e.fail(fmt.Errorf("%s: %w", service, err))
		}
		return nil
	})
}

func (e *Engine) fail(err error) {
	select {
	case e.failed <- err:
	default: // the first one is told
	}
}
