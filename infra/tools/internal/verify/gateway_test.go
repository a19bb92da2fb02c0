package verify_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// answer is what a gateway says about a batch in the present log.
func (s *shop) answer(id uint64) event.LogAnswer {
	in := s.inclusion(id)
	b := s.batches[id]
	return event.LogAnswer{
		Batch: &event.LogBatch{ID: strconv.FormatUint(id, 10), Root: b.Root, Size: strconv.FormatUint(uint64(b.Size), 10)},
		Log:   event.LogHead(in),
		Chain: event.LogChain{ChainID: s.chain.ChainID().String(), Contract: s.contract.Hex(), DeployedBlock: s.deployed.String()},
	}
}

// gateway is one that answers with handle, at a URL with a key in it.
func gateway(t *testing.T, handle http.HandlerFunc) *verify.Gateway {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	g, err := verify.NewGateway(config.Secret(server.URL + "/shop/?key=sesame"))
	require.NoError(t, err)
	return g
}

// tells is a gateway that knows the shop's log.
func (s *shop) tells(change func(*event.LogAnswer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, "/shop/log/"), 10, 64)
		size, contract := r.URL.Query().Get("size"), r.URL.Query().Get("contract")
		if err != nil || size != strconv.FormatUint(s.log.Size(), 10) || contract != s.contract.Hex() || r.URL.Query().Get("key") != "sesame" {
			http.NotFound(w, r)
			return
		}
		answer := s.answer(id)
		change(&answer)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (s *shop) honest() *verify.Gateway { return gateway(s.t, s.tells(func(*event.LogAnswer) {})) }

func TestAGatewayThatCannotBeUsedLeavesItsPlaceToTheEvents(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.follow(5)
	hash := sale.Keccak([]byte("another"))
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/shop/log/1?"+r.URL.RawQuery)
			w.WriteHeader(code)
		}
	}
	right, err := json.Marshal(s.answer(1))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		why    string
	}{
		"unknown":              {status(404), "HTTP status 404"},
		"broken":               {status(500), "HTTP status 500"},
		"elsewhere":            {status(307), "HTTP status 307"},
		"cut off":              {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the answer cannot be read"},
		"not JSON":             {write("<html>sesame"), "the answer cannot be read"},
		"no object":            {write("[]"), "the answer cannot be read"},
		"half an answer":       {write(string(right[:len(right)/2])), "the answer cannot be read"},
		"two answers":          {write(strings.Replace(string(right), `"log":`, `"log":{},"log":`, 1)), "the answer cannot be read"},
		"no hash":              {write(strings.Replace(string(right), `"path":["0x`, `"path":["0xsesame`, 1)), "the answer cannot be read"},
		"nothing":              {write("{}"), "the answer is about another contract"},
		"a huge answer":        {write(string(right) + strings.Repeat(" ", 1<<20)), "the answer is longer than 16384 bytes"},
		"no batch":             {s.tells(func(a *event.LogAnswer) { a.Batch = nil }), "the answer is about another batch"},
		"another batch":        {s.tells(func(a *event.LogAnswer) { *a = s.answer(2) }), "the answer is about another batch"},
		"another batch's path": {s.tells(func(a *event.LogAnswer) { a.Log.Path = s.answer(2).Log.Path }), "its path does not lead to the contract's logRoot"},
		"another id":           {s.tells(func(a *event.LogAnswer) { a.Batch.ID = "2" }), "the answer is about another batch"},
		"another root":         {s.tells(func(a *event.LogAnswer) { a.Batch.Root = hash }), "the answer is about another batch"},
		"another size":         {s.tells(func(a *event.LogAnswer) { a.Batch.Size = "9" }), "the answer is about another batch"},
		"no path":              {s.tells(func(a *event.LogAnswer) { a.Log.Path = nil }), "its path does not lead to the contract's logRoot"},
		"a longer path":        {s.tells(func(a *event.LogAnswer) { a.Log.Path = append(a.Log.Path, hash) }), "its path does not lead to the contract's logRoot"},
		"a false path":         {s.tells(func(a *event.LogAnswer) { a.Log.Path[1] = hash }), "its path does not lead to the contract's logRoot"},
		"another log":          {s.tells(func(a *event.LogAnswer) { a.Log.Root = hash }), "the answer is about another log than the contract's"},
		"an older log":         {s.tells(func(a *event.LogAnswer) { a.Log.Size = "5" }), "the answer is about another log than the contract's"},
		"another chain":        {s.tells(func(a *event.LogAnswer) { a.Chain.ChainID = "1" }), "the answer is about another contract"},
		"another contract":     {s.tells(func(a *event.LogAnswer) { a.Chain.Contract = common.Address{1}.Hex() }), "the answer is about another contract"},
		"an endless answer":    {flood, "the answer is longer than 16384 bytes"},
		"silence":              {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer in time"},
		"a word now and then":  {drip, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			line := s.requireWay(byEvents, p, s.chain.URL(), verify.Options{Gateway: gateway(t, c.answer)})
			require.Contains(t, line, "in a log of size 6 (gateway: "+c.why+")\n")
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
	t.Run("not there", func(t *testing.T) {
		away, err := verify.NewGateway(config.Secret(closedURL(t) + "/sesame"))
		require.NoError(t, err)
		require.Contains(t, s.requireWay(byEvents, p, s.chain.URL(), verify.Options{Gateway: away}), "(gateway: connection refused)\n")
		proxy := testkit.RPCProxy(t, s.chain.URL())
		proxy.On("eth_getLogs", testkit.Lose())
		line := s.requireWay(byReceipt, p, proxy.URL(), verify.Options{Gateway: away})
		require.Contains(t, line, "(gateway: connection refused; events: the answer cannot be read)")
	})
}

// flood answers without end, as fast as it is read.
func flood(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, strings.Repeat(" ", 1<<16))
	}
}

// drip begins an answer and never ends it.
func drip(w http.ResponseWriter, r *http.Request) {
	for {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
			_, _ = io.WriteString(w, " ")
			w.(http.Flusher).Flush()
		}
	}
}
