package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	demoStore    = "demo"
	demoTerminal = "demo-till"
	demoRecord   = `{"currency":"INR","total":"499.00","customer_id":"C-1001",` +
		`"lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"1","unit_price":"499.00"}],"tenders":[{"type":"cash","amount":"499.00"}]}`
	askTimeout   = 2 * time.Minute // for an endpoint's first answer after a start, on a busy machine
	proofTimeout = 3 * time.Minute // a contract to deploy, a batch and a block
	proofPoll    = 250 * time.Millisecond
	httpTimeout  = 10 * time.Second
	maxTerminals = 100 // names tried for a new demonstration terminal
	maxAnswer    = 1 << 20
)

// Terminal is a till with its key.
type Terminal struct {
	StoreID    string `json:"store_id"`
	TerminalID string `json:"terminal_id"`
	Key        string `json:"key"`
}

// Demonstrate records a sale over HTTP as a till would, waits for its anchor, verifies the proof against the chain, writes
// RUN_DIR/env for shells and prints what to do next. If the sale can't be anchored now, it prints the reason and returns no error:
// tills are served all the same.
func (e *Engine) Demonstrate(ctx context.Context, out io.Writer) error {
	show := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // a closed terminal is not a failure
	till, err := e.Terminal(ctx)
	if err != nil {
		return err
	}
	if err := e.writeEnv(till, ""); err != nil { // a till can sell before anything is anchored
		return err
	}
	status, body, err := e.Do(ctx, till.Key, http.MethodPost, "/record", uuid.NewString(), demoRecord)
	if err != nil {
		return err
	}
	if status != http.StatusCreated {
		return fmt.Errorf("the demonstration sale was answered %d: %s", status, body)
	}
	var answer struct {
		SaleID     string `json:"sale_id"`
		ReceiptURL string `json:"receipt_url"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read the answer to the demonstration sale: %w", err)
	}
	show("sale %s recorded; waiting for its anchor\nits receipt, for a browser: %s", answer.SaleID, e.GatewayURL+answer.ReceiptURL)
	raw, err := e.AwaitProof(ctx, till.Key, answer.SaleID)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		show("the sale is recorded, but cannot be anchored now: %s", oneLine(err))
	default:
		if err := e.check(ctx, till, raw, out); err != nil {
			return err
		}
	}
	show(next, e.GatewayURL, e.cfg.path("env"))
	return nil
}

// check verifies the demonstration sale's proof against the chain, prints each step to out and writes RUN_DIR/env again, with the contract.
func (e *Engine) check(ctx context.Context, till Terminal, raw []byte, out io.Writer) error {
	chain, err := node.Dial(ctx, e.ChainURL)
	if err != nil {
		return err
	}
	defer chain.Close()
	verdict, err := verify.Run(ctx, raw, chain, verify.Options{}, out)
	if err != nil {
		return fmt.Errorf("verify the demonstration sale's proof: %w", err)
	}
	if !verdict.Valid() {
		return fmt.Errorf("the demonstration sale's proof is %s: %s", verdict, verdict.Why)
	}
	proof, err := event.Decode[event.Proof](raw)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "anchored in batch %s, block %s, at contract %s\nits proof is %s\n", proof.Batch.ID, proof.Chain.BlockNumber,
		proof.Chain.Contract, verdict)
	return errors.Join(err, e.writeEnv(till, proof.Chain.Contract))
}

const next = `
Tillseal is up at %s. In another shell:

  . %s
  curl -si "$GATEWAY_URL/record" -H "Authorization: Bearer $TERMINAL_KEY" -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" \
    -H 'Content-Type: application/json' -d '{"currency":"INR","total":"1249.50","customer_id":"C-1001"}'
  curl -s "$GATEWAY_URL/sales/<sale_id>/proof" -H "Authorization: Bearer $TERMINAL_KEY"

Ctrl-C stops everything; the next start continues from here.`

// Terminal returns the demonstration till, made at the first start.
func (e *Engine) Terminal(ctx context.Context) (Terminal, error) {
	path := e.cfg.path("terminal.json")
	var till Terminal
	content, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(content, &till) == nil {
		status, _, err := e.Do(ctx, till.Key, http.MethodGet, "/sales/"+uuid.NewString(), "", "")
		if err != nil || status != http.StatusUnauthorized {
			return till, err
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return till, fmt.Errorf("read the demonstration terminal: %w", err)
	}
	for n := range maxTerminals {
		id := demoTerminal
		if n > 0 {
			id += "-" + strconv.Itoa(n+1)
		}
		till, err = e.AddTerminal(ctx, demoStore, id)
		if fault.Is(err, fault.Conflict) {
			continue // its key was shown once and is lost
		}
		if err != nil {
			return till, err
		}
		if content, err = json.Marshal(till); err != nil {
			return till, err
		}
		return till, durable.WriteFile(path, content, privateFile)
	}
	return till, fmt.Errorf("terminals %s to %s-%d all exist, and their keys are not in RUN_DIR", demoTerminal, demoTerminal, maxTerminals)
}

// AddTerminal makes a terminal as an operator does; one that exists is a Conflict.
func (e *Engine) AddTerminal(ctx context.Context, store, terminal string) (Terminal, error) {
	bus, err := stream.Connect(identity.Operator, stream.Config{URL: config.Secret(e.NATSURL), NKeyFile: e.NKeyFile, PeakSalesPerSecond: 1},
		slog.New(slog.DiscardHandler))
	if err != nil {
		return Terminal{}, err
	}
	defer bus.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for {
		till, err := stream.Ask[Terminal](ctx, bus, "ops.gateway.terminals.add", map[string]string{"store_id": store, "terminal_id": terminal})
		if !fault.Is(err, fault.Transient) || ctx.Err() != nil {
			return till, err
		}
		wait.Pause(ctx, proofPoll) // the service is not up yet; a stop shows in the next answer
	}
}

// AwaitProof polls a sale's proof until it is there, and returns its JSON. If a service has stopped and needs a person, so that there
// will be no proof, it returns an error at once.
func (e *Engine) AwaitProof(ctx context.Context, key, saleID string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	for {
		status, body, err := e.Do(ctx, key, http.MethodGet, "/sales/"+saleID+"/proof", "", "")
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusOK:
			return body, nil
		case status != http.StatusConflict && status != http.StatusServiceUnavailable:
			return nil, fmt.Errorf("the proof of %s was answered %d: %s", saleID, status, body)
		}
		stopped := e.Stopped()
		if i := slices.IndexFunc(stopped, func(s Stopped) bool { return s.Person }); i >= 0 {
			return nil, errors.New(stopped[i].String())
		}
		if !wait.Pause(ctx, proofPoll) {
			return nil, fmt.Errorf("no proof of %s after %s, see %s: %w", saleID, proofTimeout, e.cfg.path("log"), ctx.Err())
		}
	}
}

// Do sends one request to the gateway as a till.
func (e *Engine) Do(ctx context.Context, key, method, path, idempotencyKey, body string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, e.GatewayURL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		request.Header.Set("Idempotency-Key", idempotencyKey)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask the gateway: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end below
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, err
}

// writeEnv writes RUN_DIR/env for shells to source; without a contract that has no variable for it.
func (e *Engine) writeEnv(till Terminal, contract string) error {
	operator, err := filepath.Abs(e.NKeyFile) // the shell that sources it may be in any directory
	if err != nil {
		return err
	}
	natsContext, err := filepath.Abs(e.cfg.path("nats-operator.json"))
	if err != nil {
		return err
	}
	content, err := identity.Context(identity.Operator, e.NATSURL, operator)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(natsContext, content, privateFile); err != nil {
		return err
	}
	var env bytes.Buffer
	env.WriteString("# Written by make run; source it: . " + e.cfg.path("env") + "\n")
	variables := [][2]string{
		{"GATEWAY_URL", e.GatewayURL},
		{"TERMINAL_KEY", till.Key},
		{"NATS_URL", e.NATSURL},
		{"NATS_NKEY_FILE", operator},
		{"NATS_NKEY", operator},       // the nats command's name for it
		{"NATS_CONTEXT", natsContext}, // and where it receives its answers, for which it has no variable
		{"DB_URL", e.AuditorURL},
		{"DB_ADMIN_URL", e.AdminURL},
		{"REDIS_URL", e.RedisURL},
		{"WEB3_PROVIDER", e.ChainURL},
	}
	if contract != "" {
		variables = append(variables, [2]string{"ANCHOR_CONTRACT", contract})
	}
	for _, v := range variables {
		fmt.Fprintf(&env, "export %s='%s'\n", v[0], v[1])
	}
	return durable.WriteFile(e.cfg.path("env"), env.Bytes(), privateFile)
}
