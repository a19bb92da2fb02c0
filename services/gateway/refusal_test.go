package gateway_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestEveryBadRecordIsRefusedWithItsCodeAndField(t *testing.T) {
	shop := setup(t)
	const line = `{"quantity":"1","unit_price":"10"}`
	for _, c := range []struct {
		body    string
		status  int
		code    refusal.Code
		pointer string // "-" for none
	}{
		{``, 400, refusal.MalformedJSON, "-"},
		{`{`, 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1"} x`, 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1"}{}`, 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1","total":"1"}`, 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1","tot\u0061l":"1"}`, 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1","lines":[{"quantity":"1","unit_price":"1","quantity":"1"}]}`, 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1","store_id":"s1"}`, 400, refusal.MalformedJSON, "/store_id"},
		{`{"currency":"INR","total":"1","Total":"1"}`, 400, refusal.MalformedJSON, "/Total"},
		{`{"currency":"INR","total":"1","lines":[{"quantity":"1","unit_price":"1","colour":"red"}]}`, 400, refusal.MalformedJSON, "/lines/0/colour"},
		{"{\"currency\":\"INR\",\"total\":\"1\",\"customer_id\":\"\xff\"}", 400, refusal.MalformedJSON, "-"},
		{`{"currency":"INR","total":"1","customer_id":"\ud800"}`, 400, refusal.MalformedJSON, "-"},
		{"{\"currency\":\"INR\",\"total\":\"1\",\"customer_id\":\"a\x01\"}", 400, refusal.MalformedJSON, "-"},
		{strings.Repeat("[", 60000), 400, refusal.MalformedJSON, "-"},
		{`[]`, 422, refusal.InvalidRecord, ""},
		{`null`, 422, refusal.InvalidRecord, ""},
		{`{}`, 422, refusal.InvalidRecord, "/currency"},
		{`{"currency":"INR"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":null}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":12}`, 422, refusal.InvalidRecord, "/total"},
		{`{"kind":"refund","currency":"INR","total":"0.00"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":"-1"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":"01"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":"1e3"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":"1."}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":"1.005"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"JPY","total":"1.0"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"INR","total":"1000000000000000"}`, 422, refusal.InvalidRecord, "/total"},
		{`{"currency":"XXX","total":"1"}`, 422, refusal.InvalidRecord, "/currency"},
		{`{"currency":"inr","total":"1"}`, 422, refusal.InvalidRecord, "/currency"},
		{`{"kind":"return","currency":"INR","total":"1"}`, 422, refusal.InvalidRecord, "/kind"},
		{`{"kind":null,"currency":"INR","total":"1"}`, 422, refusal.InvalidRecord, "/kind"},
		{`{"currency":"INR","total":"1","customer_id":""}`, 422, refusal.InvalidRecord, "/customer_id"},
		{`{"currency":"INR","total":"1","customer_id":null}`, 422, refusal.InvalidRecord, "/customer_id"},
		{`{"currency":"INR","total":"1","customer_id":"a b"}`, 422, refusal.InvalidRecord, "/customer_id"},
		{`{"currency":"INR","total":"1","customer_id":"\u0000"}`, 422, refusal.InvalidRecord, "/customer_id"},
		{`{"currency":"INR","total":"1","lines":[{"name":"a\u0000b","quantity":"1","unit_price":"1"}]}`, 422, refusal.InvalidRecord, "/lines/0/name"},
		{`{"currency":"INR","total":"1","redeem_points":1}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"INR","total":"1","customer_id":"C","redeem_points":-1}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"INR","total":"1","customer_id":"C","redeem_points":1.5}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"INR","total":"1","customer_id":"C","redeem_points":"1"}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"INR","total":"1","customer_id":"C","redeem_points":1e999999999999}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"INR","total":"1","customer_id":"C","redeem_points":5}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"KWD","total":"1","customer_id":"C","redeem_points":5}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"currency":"INR","total":"1","customer_id":"C","redeem_points":4}`, 422, refusal.FewPoints, "/redeem_points"},
		{`{"currency":"INR","total":"1","terminal_seq":9007199254740992}`, 422, refusal.InvalidRecord, "/terminal_seq"},
		{`{"currency":"INR","total":"1","occurred_at":"yesterday"}`, 422, refusal.InvalidRecord, "/occurred_at"},
		{`{"currency":"INR","total":"1","occurred_at":"2026-02-30T10:00:00Z"}`, 422, refusal.InvalidRecord, "/occurred_at"},
		{`{"currency":"INR","total":"1","lines":{}}`, 422, refusal.InvalidRecord, "/lines"},
		{`{"currency":"INR","total":"1","lines":[null]}`, 422, refusal.InvalidRecord, "/lines/0"},
		{`{"currency":"INR","total":"1","lines":[{"quantity":"0","unit_price":"1"}]}`, 422, refusal.InvalidRecord, "/lines/0/quantity"},
		{`{"currency":"INR","total":"1","lines":[{"sku":"","quantity":"1","unit_price":"1"}]}`, 422, refusal.InvalidRecord, "/lines/0/sku"},
		{`{"currency":"INR","total":"1","lines":[{"sku":" ","quantity":"1","unit_price":"1"}]}`, 422, refusal.InvalidRecord, "/lines/0/sku"},
		{
			`{"currency":"INR","total":"1","lines":[{"sku":"` + strings.Repeat("x", 65) + `","quantity":"1","unit_price":"1"}]}`, 422, refusal.InvalidRecord,
			"/lines/0/sku",
		},
		{`{"currency":"INR","total":"1","lines":[{"quantity":"1"}]}`, 422, refusal.InvalidRecord, "/lines/0/unit_price"},
		{`{"currency":"INR","total":"1","tenders":[{"type":"cash"}]}`, 422, refusal.InvalidRecord, "/tenders/0/amount"},
		{`{"currency":"INR","total":"1","tenders":[{"amount":"1"}]}`, 422, refusal.InvalidRecord, "/tenders/0/type"},
		{`{"currency":"INR","total":"10.01","lines":[` + line + `]}`, 422, refusal.TotalsMismatch, "/lines"},
		{`{"currency":"INR","total":"20","lines":[` + line + `],"tenders":[{"type":"cash","amount":"20"}]}`, 422, refusal.TotalsMismatch, "/lines"},
		{`{"currency":"INR","total":"10","tenders":[{"type":"cash","amount":"9.99"}]}`, 422, refusal.TotalsMismatch, "/tenders"},
		{`{"currency":"INR","total":"10","tenders":[{"type":"cash","amount":"10"},{"type":"card","amount":"0.01"}]}`, 422, refusal.TotalsMismatch, "/tenders"},
		{`{"currency":"INR","total":"1","refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5"}`, 422, refusal.InvalidRecord, "/refund_of"},
		{`{"kind":"refund","currency":"INR","total":"1","customer_id":"C","redeem_points":1}`, 422, refusal.InvalidRecord, "/redeem_points"},
		{`{"kind":"refund","currency":"INR","total":"1","refund_of":"x"}`, 422, refusal.InvalidRecord, "/refund_of"},
		{`{"kind":"refund","currency":"INR","total":"1","refund_of_key":"01a1f94f-e264-7599-97ba-9d8ea7e314e5"}`, 422, refusal.InvalidRecord, "/refund_of_key"},
		{`{"kind":"refund","currency":"INR","total":"1","refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5",` +
			`"refund_of_key":"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b"}`, 422, refusal.InvalidRecord, "/refund_of_key"},
		{
			`{"kind":"refund","currency":"INR","total":"1","refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5","customer_id":"C"}`, 422, refusal.InvalidRecord,
			"/customer_id",
		},
		{`{"kind":"refund","currency":"INR","total":"1","refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5"}`, 404, refusal.NotFound, "/refund_of"},
		{`{"kind":"refund","currency":"INR","total":"1","refund_of_key":"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b"}`, 404, refusal.NotFound, "/refund_of_key"},
	} {
		name := c.body[:min(len(c.body), 100)]
		t.Run(name, func(t *testing.T) {
			fields := refuses(t, shop.till.do(http.MethodPost, "/record", c.body, "Idempotency-Key", newKey(), "Content-Type", "application/json"), c.status, c.code)
			if c.pointer == "-" {
				require.Empty(t, fields)
				return
			}
			require.NotEmpty(t, fields)
			require.Equal(t, c.pointer, fields[0].Pointer)
			require.NotEmpty(t, fields[0].Detail)
		})
	}
	require.Zero(t, shop.sales())
	require.Zero(t, query[int](shop, "SELECT count(*)::int FROM audit.loyalty_account"))
}

func TestGoodRecordsOfEveryShape(t *testing.T) {
	shop := setup(t)
	for _, body := range []string{
		`{"currency":"INR","total":"999999999999999.99","customer_id":"A.b_c:d@e+f-1"}`,
		`{"currency":"KWD","total":"0.001","customer_id":"` + strings.Repeat("x", 64) + `"}`,
		`{"currency":"INR","total":"1","customer_id":"C-1","redeem_points":0,"terminal_seq":0}`,
		`{"currency":"INR","total":"1","occurred_at":"1969-12-31T23:59:60.123456789-12:00"}`,
		`{"currency":"INR","total":"0.50","lines":[{"sku":"x","name":"☕ \"चाय\"","quantity":"0.333","unit_price":"1.499"}]}`, // 0.499167
		`{"currency":"INR","total":"8.01","lines":[{"quantity":"3","unit_price":"2.335","discount":"0.01","tax":"1.01"}]}`,   // 7.005 → 7.01
		`{"currency":"INR","total":"1","tenders":[{"type":"cash","amount":"0.40"},{"type":"card","amount":"0.6"}]}`,
		`{"currency":"INR","total":"100","customer_id":"R"}`,
		`{"currency":"INR","total":"10","customer_id":"R","redeem_points":4.0e1,"tenders":[]}`,
	} {
		shop.till.sell(newKey(), body)
	}
}

func TestKeysAndHeadersAreHeldToTheContract(t *testing.T) {
	shop := setup(t)
	post := func(headers ...string) reply { return shop.till.do(http.MethodPost, "/record", tea, headers...) }
	refuses(t, post(), 400, refusal.KeyMissing)
	for _, key := range []string{
		"x", `"`, "01a1f94f-e264-7599-97ba-9d8ea7e314e5", "00000000-0000-0000-0000-000000000000", "0b6a2d5e-6d8e-4c93-cd3e-1e4f7c9f1a2b",
		"0b6a2d5e6d8e4c939d3e1e4f7c9f1a2b", "{0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b}", "urn:uuid:0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b",
		`"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b`,
	} {
		refuses(t, post("Idempotency-Key", key), 400, refusal.KeyInvalid)
	}
	key := newKey()
	for _, headers := range [][]string{
		{"Content-Type", ""},
		{"Content-Type", "text/plain"},
		{"Content-Type", "application/json; charset=latin1"},
		{"Content-Encoding", "gzip"},
		{"Content-Encoding", "identity"},
		{"Content-Type", "multipart/form-data; boundary=b"},
		{"Content-Type", "multipart/form-data"},
	} {
		refuses(t, post(append(headers, "Idempotency-Key", key)...), 415, refusal.MediaType)
	}
	encoded, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop.till.url+"/record", strings.NewReader(tea))
	require.NoError(t, err)
	encoded.Header = http.Header{
		"Authorization": {"Bearer " + shop.till.key}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}, "Content-Encoding": {"", "gzip"},
	}
	refuses(t, shop.till.send(encoded), 415, refusal.MediaType)
	require.Equal(t, 201, post("Idempotency-Key", key, "Content-Type", "application/json; charset=UTF-8").Status)
	const (
		none    = "send the terminal's key as Authorization: Bearer <key>"
		other   = "the Authorization header is malformed or repeated"
		unknown = "no terminal has this key"
	)
	for auth, says := range map[string]string{
		"": none, "Bearer": other, "Basic " + shop.till.key: other, "Bearer x": unknown, "Bearer till_" + strings.Repeat("A", 43): unknown,
	} {
		r := post("Idempotency-Key", newKey(), "Authorization", auth)
		refuses(t, r, 401, refusal.Unauthenticated)
		require.Equal(t, "Bearer", r.Header.Get("WWW-Authenticate"))
		require.Contains(t, string(r.Body), says, "as people read it, with < and >: %q", auth)
	}
	padded := func(n int) string { return tea + strings.Repeat(" ", n-len(tea)) }
	require.Equal(t, 201, shop.till.post(newKey(), padded(256<<10)).Status)
	refuses(t, shop.till.post(newKey(), padded(256<<10+1)), 413, refusal.BodyTooLarge)
	refuses(t, shop.till.post(newKey(), padded(900<<10)), 413, refusal.BodyTooLarge)
	for range 10 { // the answer arrives although most of the body is never read
		refuses(t, shop.till.post(newKey(), padded(6<<20)), 413, refusal.BodyTooLarge)
		require.Equal(t, 400, shop.till.do("GET", "/healthz", "", "X-Big", strings.Repeat("x", 1<<20)).Status)
	}

	twice, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop.till.url+"/record", strings.NewReader(tea))
	require.NoError(t, err)
	twice.Header = http.Header{
		"Authorization": {"Bearer " + shop.till.key, "Bearer " + shop.till.key}, "Content-Type": {"application/json"},
		"Idempotency-Key": {newKey()},
	}
	refuses(t, shop.till.send(twice), 401, refusal.Unauthenticated)

	refuses(t, shop.till.do("GET", "/nowhere", ""), 404, refusal.NotFound)
	refuses(t, shop.till.do(http.MethodPost, "/record/", tea, "Idempotency-Key", newKey()), 404, refusal.NotFound)
	refuses(t, shop.till.do("GET", "/healthz/", ""), 404, refusal.NotFound)
	wrong := shop.till.do("GET", "/record", "")
	refuses(t, wrong, 405, refusal.MethodNotAllowed)
	require.Equal(t, "POST", wrong.Header.Get("Allow"))
	require.Equal(t, 200, shop.till.do("GET", "/healthz", "", "Authorization", "").Status)
	require.Equal(t, 200, shop.till.do("GET", "/readyz", "", "Authorization", "").Status)
}

func TestATerminalsNumberIsUsedOnce(t *testing.T) {
	shop := setup(t)
	key, body := newKey(), `{"currency":"INR","total":"1","terminal_seq":1042}`
	first, _ := shop.till.sell(key, body)
	refuses(t, shop.till.post(newKey(), body), 409, refusal.SeqReused)
	again, _ := shop.till.sell(key, body)
	require.Equal(t, first.Body, again.Body)
	shop.newTill("s1", "t2").sell(newKey(), body)
}

func TestASuspendedTerminalRecordsNothing(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	query[string](shop, "UPDATE sales.terminal_status SET status = 'suspended' WHERE terminal_id = 't1' RETURNING status")
	eventually(t, "the suspension is seen", func() error {
		if r := shop.till.post(newKey(), tea); r.Status != 403 {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	refuses(t, shop.till.post(newKey(), tea), 403, refusal.Forbidden)
}

func TestATerminalThatIsTooFastIsToldToWait(t *testing.T) {
	shop := setup(t, func(c *gateway.Config) { c.TerminalRate = 1 })
	eventually(t, "the rate is used up", func() error {
		if r := shop.till.post(newKey(), tea); r.Status != 429 {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	for range 2 { // the limit may let one through in between
		if r := shop.till.post(newKey(), tea); r.Status != 201 {
			refuses(t, r, 429, refusal.RateLimited)
		}
	}
}

func TestBrowsersAreLetInByOrigin(t *testing.T) {
	shop := setup(t, func(c *gateway.Config) { c.AllowedOrigins = []string{"https://till.example"} })
	ask := func(origin string) reply {
		return shop.till.do(http.MethodOptions, "/record", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Authorization", "")
	}
	allowed := ask("https://till.example")
	require.Equal(t, 204, allowed.Status)
	require.Equal(t, "https://till.example", allowed.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, allowed.Header.Get("Access-Control-Allow-Headers"), "Idempotency-Key")
	require.Empty(t, ask("https://evil.example").Header.Get("Access-Control-Allow-Origin"))
	r := shop.till.do(http.MethodPost, "/record", tea, "Idempotency-Key", newKey(), "Origin", "https://till.example")
	require.Equal(t, "https://till.example", r.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, r.Header.Get("Access-Control-Expose-Headers"), "Idempotency-Replayed")
}

func TestNothingSecretIsLogged(t *testing.T) {
	shop := setup(t)
	shop.till.post(newKey(), `{"currency":"INR","total":"1","customer_id":"secret customer"}`)
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"1","customer_id":"SECRET"}`)
	require.NoError(t, shop.gates[0].stop())
	log := strings.ToLower(shop.gates[0].log.String())
	require.NotContains(t, log, "secret")
	require.NotContains(t, log, strings.ToLower(shop.till.key))
	require.NotContains(t, log, strings.Split(sold.ReceiptURL, "t=")[1])
}

func TestEachWrongEntryOfASettingIsNamed(t *testing.T) {
	cfg := gateway.Config{
		DBURL: "postgres://gateway@127.0.0.1:1/x", RedisURL: "redis://127.0.0.1:1", Addr: "127.0.0.1:0", AllowedOrigins: []string{"till", "till/"},
		TrustedProxies: []string{"10.0.0.0/8", "here", "there"}, Stream: stream.Config{URL: "nats://127.0.0.1:1", PeakSalesPerSecond: 1},
	}
	err := cfg.Check()
	for _, wrong := range []string{`"till"`, `"till/"`, `"here"`, `"there"`, "TERMINAL_RATE_PER_SECOND"} {
		require.ErrorContains(t, err, wrong)
	}
	require.NotContains(t, err.Error(), "10.0.0.0/8,", "it is right")
}

func TestAWrongSettingIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	rules := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(rules, []byte(strings.Replace(goldRules, `"from_purchase":3`, `"from_purchase":0`, 1)), 0o600))
	good := func() gateway.Config {
		return promising(t, gateway.Config{DBURL: "postgres://gateway@127.0.0.1:1/x", RedisURL: "redis://127.0.0.1:1", Addr: "127.0.0.1:0", TerminalRate: 1})
	}
	secret := filepath.Join(t.TempDir(), "hunter2")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2"), 0o600))
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.WriteFile(open, promise.NewKeyPEM(), 0o644))
	for name, wrong := range map[string]func(*gateway.Config){
		"DB_URL":                   func(c *gateway.Config) { c.DBURL = "postgres://user:hunter2@[/" },
		"REDIS_URL":                func(c *gateway.Config) { c.RedisURL = "http://hunter2" },
		"GATEWAY_ADDR":             func(c *gateway.Config) { c.Addr = taken.Addr().String() },
		"GATEWAY_ADDR ":            func(c *gateway.Config) { c.Addr = "nowhere" },
		"ALLOWED_ORIGINS":          func(c *gateway.Config) { c.AllowedOrigins = []string{"till.example"} },
		"TRUSTED_PROXIES":          func(c *gateway.Config) { c.TrustedProxies = []string{"10.0.0.0/8", "loadbalancer"} },
		"LOYALTY_RULES":            func(c *gateway.Config) { c.LoyaltyRules = "/nowhere" },
		"LOYALTY_RULES: tiers":     func(c *gateway.Config) { c.LoyaltyRules = rules },
		"TERMINAL_RATE_PER_SECOND": func(c *gateway.Config) { c.TerminalRate = 0 },
		"NATS_URL":                 func(*gateway.Config) {},
		"PROMISE_KEY_FILE":         func(c *gateway.Config) { c.PromiseKeyFile = "/nowhere" },
		"PROMISE_KEY_FILE: ":       func(c *gateway.Config) { c.PromiseKeyFile = secret },
		"PROMISE_KEY_FILE: the":    func(c *gateway.Config) { c.PromiseKeyFile = open },
		"PROMISE_ISSUER":           func(c *gateway.Config) { c.PromiseIssuer = "" },
		"PROMISE_ISSUER must not":  func(c *gateway.Config) { c.PromiseIssuer = "the shop" },
		"PROMISE_WITHIN":           func(c *gateway.Config) { c.PromiseWithin = time.Millisecond },
		"PUBLIC_CONTRACT":          func(c *gateway.Config) { c.PublicContract = "0x5FbDB2315678afecb367f032d93F642f64180aa3" },
		"PUBLIC_CONTRACT has":      func(c *gateway.Config) { c.PublicContract = "eip155:1:0x5fbDB2315678afecb367f032d93F642f64180aa3" },
	} {
		cfg := good()
		if name != "NATS_URL" {
			cfg.Stream.URL, cfg.Stream.PeakSalesPerSecond = "nats://127.0.0.1:1", 1
		}
		wrong(&cfg)
		err := gateway.Run(t.Context(), cfg)
		require.ErrorContains(t, err, strings.TrimSpace(name))
		require.NotContains(t, err.Error(), "hunter2")
	}
}
