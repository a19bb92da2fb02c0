package page_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const shopFile = `{"name":"Chai & Co","address":["12 MG Road","Bengaluru 560001"],"phone":"+91 80 5550 1234","tax_id":"GSTIN 29AAGCB7383J1Z4",
	"website":"https://chai.example","time_zone":"Asia/Kolkata","contract_name":"_tillseal.chai.example"}`

// shop is a whole engine behind two doors of the test's own: the gateway's and the chain's, at which answers can be changed.
type shop struct {
	t       *testing.T
	e       *engine.Engine
	dir     string
	till    engine.Terminal
	browser *chromium
	gateway *door
	chain   *door
	other   *door // the chain again, at another origin
}

func open(t *testing.T) *shop {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755)) // Postgres's own user passes through it
	file := filepath.Join(dir, "shop.json")
	require.NoError(t, os.WriteFile(file, []byte(shopFile), 0o600))
	s := &shop{t: t, dir: dir, browser: startChromium(t), gateway: newDoor(t), chain: newDoor(t), other: newDoor(t)}
	ctx := t.Context()
	e, err := engine.Start(ctx, engine.Config{
		Dir: filepath.Join(dir, "run"), GatewayAddr: "127.0.0.1:0", Progress: t.Output(), BlockTime: blockTime,
		Environ: []string{
			"ANCHOR_BATCH_AGE=300ms", "ANCHOR_POLL=100ms", "REPAIR_AFTER=1s", "AUDIT_AT=off", "RATE_STATIC=INR=254321.17",
			"RECEIPT_SHOP_FILE=" + file, "PUBLIC_RPC_URL=" + s.chain.url + "/v3/public", "EXPLORER_URL=https://explorer.example",
			"PUBLIC_CONTRACT=",
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close(t.Context())) })
	s.e = e
	s.gateway.to(t, e.GatewayURL)
	s.chain.to(t, e.ChainURL)
	s.other.to(t, e.ChainURL)
	s.till, err = e.Terminal(ctx)
	require.NoError(t, err)
	return s
}

// door passes on what is asked, and may change what is answered.
type door struct {
	url    string
	target atomic.Pointer[url.URL]
	told   atomic.Pointer[lie]
	closed atomic.Bool                   // answers nothing
	held   atomic.Pointer[chan struct{}] // keeps what is posted waiting until it is closed
}

// lie changes an answer's status and body; asked is the request's body.
type lie func(r *http.Request, asked []byte, status int, answer []byte) (int, []byte)

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{}
	server := httptest.NewServer(http.HandlerFunc(d.pass))
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *door) to(t *testing.T, target string) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	d.target.Store(u)
}

func (d *door) pass(w http.ResponseWriter, r *http.Request) {
	if d.closed.Load() {
		panic(http.ErrAbortHandler)
	}
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if held := d.held.Load(); held != nil && r.Method == http.MethodPost {
		select {
		case <-*held:
		case <-r.Context().Done():
			return
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(asked))
	r.Header.Del("Accept-Encoding")
	target := d.target.Load()
	(&httputil.ReverseProxy{
		Rewrite: func(out *httputil.ProxyRequest) {
			out.SetURL(target)
			out.Out.Host = target.Host
			if r.Method == http.MethodPost { // a node's path is of its provider
				out.Out.URL.Path = "/"
			}
		},
		ModifyResponse: func(response *http.Response) error {
			told := d.told.Load()
			if told == nil {
				return nil
			}
			answer, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			response.StatusCode, answer = (*told)(r, asked, response.StatusCode, answer)
			response.Body = io.NopCloser(bytes.NewReader(answer))
			response.ContentLength = int64(len(answer))
			response.Header.Set("Content-Length", strconv.Itoa(len(answer)))
			return nil
		},
	}).ServeHTTP(w, r)
}

// lies has answers changed until the returned function is called.
func (d *door) lies(l lie) (stop func()) {
	d.told.Store(&l)
	return func() { d.told.Store(nil) }
}

// honest ends all that was set.
func (d *door) honest() {
	d.told.Store(nil)
	d.held.Store(nil)
	d.closed.Store(false)
}

// sold is what a till gets for a record.
type sold struct {
	SaleID     string `json:"sale_id"`
	ReceiptURL string `json:"receipt_url"`
	Promise    string `json:"promise"`
	body       []byte
}

func (s *shop) sell(record string) sold {
	s.t.Helper()
	status, body, err := s.e.Do(s.t.Context(), s.till.Key, http.MethodPost, "/record", uuid.NewString(), record)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusCreated, status, "%s", body)
	r := sold{body: body}
	require.NoError(s.t, json.Unmarshal(body, &r))
	return r
}

// page is a receipt's address at the door.
func (s *shop) page(r sold) string { return s.gateway.url + r.ReceiptURL }

// proof waits for a record's proof.
func (s *shop) proof(r sold) []byte {
	s.t.Helper()
	proof, err := s.e.AwaitProof(s.t.Context(), s.till.Key, r.SaleID)
	require.NoError(s.t, err)
	return proof
}

// exec changes what no service may.
func (s *shop) exec(sql string, args ...any) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.e.AdminURL)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(s.t.Context()) }()
	_, err = conn.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

// final waits until a record's batch is final.
func (s *shop) final(r sold) {
	s.t.Helper()
	testkit.Eventually(s.t, soon, "it is final", func() error {
		_, body, err := s.e.Do(s.t.Context(), s.till.Key, http.MethodGet, "/sales/"+r.SaleID, "", "")
		if err == nil && !strings.Contains(string(body), `"status":"final"`) {
			err = fmt.Errorf("%s", body)
		}
		return err
	})
}
