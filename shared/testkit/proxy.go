package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// maxRPCBody bounds a request or a reply through the proxy; a batch anchor is far smaller.
	maxRPCBody = 8 << 20
	// forwardLimit bounds the wait for the real node.
	forwardLimit = 30 * time.Second
)

// Call is one JSON-RPC call on its way to the node.
type Call struct {
	Method string
	Params []json.RawMessage
}

// Reply is what the caller gets. The zero Error, Status and Lost mean: Result, over HTTP 200.
type Reply struct {
	Result json.RawMessage
	Error  *RPCError
	Status int  // another HTTP status than 200, without a JSON-RPC reply
	Lost   bool // the connection is cut without a reply
}

// RPCError is JSON-RPC's error object.
type RPCError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Hook decides a call's fate: next asks the node, as often as the hook likes. ctx ends with the caller's connection.
type Hook func(ctx context.Context, call Call, next func(Call) Reply) Reply

// Proxy is a JSON-RPC proxy whose methods fail as their hooks decide; without hooks it forwards everything.
type Proxy struct {
	upstream string
	server   *httptest.Server
	client   *http.Client

	mu    sync.Mutex
	hooks map[string]Hook
	calls map[string]int
}

// RPCProxy puts a proxy in front of a node until the test ends.
func RPCProxy(t testing.TB, upstreamURL string) *Proxy {
	t.Helper()
	p := &Proxy{
		upstream: upstreamURL, client: &http.Client{Transport: &http.Transport{}, Timeout: forwardLimit},
		hooks: map[string]Hook{}, calls: map[string]int{},
	}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
		p.client.CloseIdleConnections()
	})
	return p
}

// URL is where clients call.
func (p *Proxy) URL() string { return p.server.URL }

// On sets the hook of a method; "*" is every method without one. nil forwards again.
func (p *Proxy) On(method string, hook Hook) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hook == nil {
		delete(p.hooks, method)
		return
	}
	p.hooks[method] = hook
}

// Clear removes all hooks; counts stay.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.hooks)
}

// Calls counts the calls of a method so far, whatever became of them.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

func (p *Proxy) take(method string) Hook {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[method]++
	if hook, ok := p.hooks[method]; ok {
		return hook
	}
	return p.hooks["*"]
}

type request struct {
	Version string            `json:"jsonrpc"`
	ID      json.RawMessage   `json:"id,omitempty"`
	Method  string            `json:"method"`
	Params  []json.RawMessage `json:"params"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *RPCError       `json:"error,omitempty"`
}

// serve answers one call or a batch; a batch shares the fate of a call in it that is lost or answered by a status.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRPCBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	batch := bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	if !batch {
		body = append(append([]byte("["), body...), ']')
	}
	var requests []request
	if err := json.Unmarshal(body, &requests); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	responses := make([]response, 0, len(requests))
	for _, req := range requests {
		reply := p.call(r.Context(), req)
		switch {
		case reply.Lost:
			panic(http.ErrAbortHandler) // net/http's way to cut a connection
		case reply.Status != 0 && reply.Status != http.StatusOK:
			http.Error(w, http.StatusText(reply.Status), reply.Status)
			return
		case reply.Error == nil && reply.Result == nil:
			reply.Result = json.RawMessage("null")
		}
		responses = append(responses, response{Version: "2.0", ID: req.ID, Result: reply.Result, Error: reply.Error})
	}
	w.Header().Set("Content-Type", "application/json")
	if batch {
		_ = json.NewEncoder(w).Encode(responses)
	} else {
		_ = json.NewEncoder(w).Encode(responses[0])
	}
}

func (p *Proxy) call(ctx context.Context, req request) Reply {
	next := func(c Call) Reply { return p.forward(ctx, c) }
	call := Call{Method: req.Method, Params: req.Params}
	if hook := p.take(req.Method); hook != nil {
		return hook(ctx, call, next)
	}
	return next(call)
}

// forward asks the node; an unavailable node is a 502.
func (p *Proxy) forward(ctx context.Context, call Call) Reply {
	if call.Params == nil {
		call.Params = []json.RawMessage{}
	}
	body, err := json.Marshal(request{Version: "2.0", ID: json.RawMessage("1"), Method: call.Method, Params: call.Params})
	if err != nil {
		return Reply{Error: &RPCError{Code: -32700, Message: err.Error()}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.upstream, bytes.NewReader(body))
	if err != nil {
		return Reply{Status: http.StatusBadGateway}
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := p.client.Do(req)
	if err != nil {
		return Reply{Status: http.StatusBadGateway}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return Reply{Status: answer.StatusCode}
	}
	var res response
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxRPCBody)).Decode(&res); err != nil {
		return Reply{Status: http.StatusBadGateway}
	}
	return Reply{Result: res.Result, Error: res.Error}
}

// quantity reads a JSON-RPC quantity such as "0x1f".
func quantity(raw json.RawMessage) (uint64, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return 0, fmt.Errorf("read a quantity: %w", err)
	}
	return strconv.ParseUint(text, 0, 64)
}
