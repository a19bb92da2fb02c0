package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/services/pricing"
)

// startServices runs the four through their doors and waits until tills are served.
func (e *Engine) startServices(ctx context.Context) error {
	if err := e.cfg.claimMetrics(ctx); err != nil {
		return err
	}
	gatewayCfg, err := load[gateway.Config](e.cfg, "gateway", "DB_URL="+e.roleURL("gateway"), "REDIS_URL="+e.RedisURL, "NATS_URL="+e.NATSURL,
		"GATEWAY_ADDR="+e.cfg.GatewayAddr, "METRICS_ADDR="+e.cfg.metricsAddr(0))
	if err != nil {
		return err
	}
	pricingCfg, err := load[pricing.Config](e.cfg, "pricing", "NATS_URL="+e.NATSURL, "METRICS_ADDR="+e.cfg.metricsAddr(1))
	if err != nil {
		return err
	}
	anchorCfg, err := load[anchor.Config](e.cfg, "anchor", "DB_URL="+e.roleURL("anchor"), "NATS_URL="+e.NATSURL, "WEB3_PROVIDER="+e.ChainURL,
		"ANCHOR_PRIVATE_KEY="+e.secrets.AnchorKey, "ANCHOR_DEPLOY=true", "METRICS_ADDR="+e.cfg.metricsAddr(2))
	if err != nil {
		return err
	}
	ledgerCfg, err := load[ledger.Config](e.cfg, "ledger", "DB_URL="+e.roleURL("ledger"), "NATS_URL="+e.NATSURL, "METRICS_ADDR="+e.cfg.metricsAddr(3))
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
