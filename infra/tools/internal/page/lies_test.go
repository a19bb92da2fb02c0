package page_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

// failed is the step at which the last verification failed, "" when none did.
func (p *tab) failed() string {
	p.t.Helper()
	p.click(run)
	p.until("verified", ended)
	return eval[string](p, `document.querySelector(".steps .failed")?.dataset.step ?? ""`)
}

// alter is another well-formed value in the place of one: a digit, a letter or a bit is another.
func alter(value string) string {
	last := len(value) - 1
	switch {
	case value == "sale":
		return "refund"
	case value == "":
		return "x"
	case strings.HasSuffix(value, "="): // base64
		return "f" + value[1:]
	case strings.HasPrefix(value, "0x") && len(value) == 42: // whose checksum no other has
		return "0x5FbDB2315678afecb367f032d93F642f64180aa3"
	case value[last] == '1', value[last] == 'A':
		return value[:last] + "2"
	case strings.ContainsRune("0123456789", rune(value[last])), strings.HasPrefix(value, "0x"):
		return value[:last] + "1"
	}
	return value[:last] + "A"
}

// breaks is which step each field of a proof belongs to.
var breaks = map[string][]string{
	"shown": {
		"sale.saleId", "sale.kind", "sale.refundOf", "sale.storeId", "sale.terminalId", "sale.recordNumber", "sale.previousHash", "sale.currency", "sale.total",
		"sale.pointsDelta", "sale.recordedAt", "sale_hash", "promise",
	},
	"request":     {"sale.customerId", "sale.requestHash", "request"},
	"sale_hash":   {"sale.pointsBalance", "sale.purchaseNumber", "sale.salt"},
	"amount":      {"amount_wei", "rate.value", "rate.currency"},
	"leaf":        {"leaf"},
	"proof":       {"proof.0", "batch.root"},
	"position":    {"batch.leaf_index", "batch.size"},
	"log":         {"batch.id", "log.size", "log.root", "log.path.0"},
	"chain_id":    {"chain.chain_id"},
	"contract":    {"chain.contract"},
	"transaction": {"chain.tx_hash"},
	"block":       {"chain.block_number", "chain.block_hash"},
}

// unproved are the fields that nothing proves, and one that this proof does not need.
var unproved = []string{"rate.tier", "rate.sources.0", "rate.observed_at", "chain.deployed_block", "chain.finality"}

func (s *shop) namesWhatIsAltered(t *testing.T) {
	var r sold
	for n := 0; ; n++ { // in a batch with others, after another
		s.proof(s.sell(`{"currency":"INR","total":"7"}`))
		for range 3 {
			s.sell(`{"currency":"INR","total":"7"}`)
		}
		r = s.sell(slip)
		if proof := string(s.proof(r)); !strings.Contains(proof, `"proof":[]`) && !strings.Contains(proof, `"path":[]`) {
			break
		}
		require.Less(t, n, 20, "every batch has one sale")
	}
	s.final(r)
	var proof map[string]any
	require.NoError(t, json.Unmarshal(s.proof(r), &proof))
	fields := map[string]string{}
	collect(proof, "", fields)
	step := map[string]string{}
	for name, all := range breaks {
		for _, field := range all {
			step[field] = name
		}
	}
	p := s.browser.open(t, s.page(r), look{})
	require.Empty(t, p.failed())
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		siblings := strings.HasPrefix(field, "proof.") || strings.HasPrefix(field, "log.path.")
		if slices.Contains(unproved, field) || siblings && !strings.HasSuffix(field, ".0") { // one of a path is as good as another
			continue
		}
		require.Contains(t, step, field)
		stop := s.gateway.lies(func(req *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
			if !strings.HasSuffix(req.URL.Path, "/proof") {
				return status, answer
			}
			return status, changed(answer, field)
		})
		failed := p.failed()
		stop()
		require.Equal(t, step[field], failed, "%s: %s", field, p.text(".check"))
		require.NotEmpty(t, p.text(".steps .failed .means"), "it says what that means")
		require.Contains(t, p.text(verdict), "Not valid")
	}
	require.Empty(t, p.failed(), "it is valid again")

	// The same lie on the page and in the proof.
	stop := s.gateway.lies(func(_ *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
		return status, []byte(strings.ReplaceAll(string(answer), `"demo-till"`, `"demo-tilt"`))
	})
	require.Equal(t, "sale_hash", s.browser.open(t, s.page(r), look{}).failed())
	stop()
	// And one on the page alone.
	stop = s.gateway.lies(func(_ *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
		return status, []byte(strings.ReplaceAll(string(answer), `"name":"Assam tea"`, `"name":"Assam gold"`))
	})
	defer stop()
	require.Equal(t, "shown", s.browser.open(t, s.page(r), look{}).failed())
}

func collect(value any, path string, into map[string]string) {
	switch value := value.(type) {
	case string:
		into[strings.TrimPrefix(path, ".")] = value
	case map[string]any:
		for name, of := range value {
			collect(of, path+"."+name, into)
		}
	case []any:
		for i, of := range value {
			collect(of, path+"."+strconv.Itoa(i), into)
		}
	}
}

// changed is a proof with one field altered.
func changed(proof []byte, field string) []byte {
	var whole any
	if json.Unmarshal(proof, &whole) != nil {
		return proof
	}
	names := strings.Split(field, ".")
	at := whole
	for i, name := range names {
		switch of := at.(type) {
		case map[string]any:
			if text, ok := of[name].(string); ok && i == len(names)-1 {
				of[name] = alter(text)
				if name == "leaf_index" || name == "size" && names[0] == "batch" { // a neighbour may fit too
					of[name] = "99999"
				}
			}
			at = of[name]
		case []any:
			n, _ := strconv.Atoi(name)
			if text, ok := of[n].(string); ok {
				of[n] = alter(text)
			}
			at = of[n]
		}
	}
	text, _ := json.Marshal(whole) // as it was read
	return text
}

func selector(signature string) string {
	return hexutil.Encode(crypto.Keccak256([]byte(signature))[:4])
}

func (s *shop) namesLies(t *testing.T) {
	r := s.sell(slip)
	s.final(r)
	p := s.browser.open(t, s.page(r), look{})
	require.Empty(t, p.failed())
	const word = `"0x0000000000000000000000000000000000000000000000000000000000000000"`
	hash := regexp.MustCompile(`"hash":"0x[0-9a-f]{64}"`)
	for _, of := range []struct {
		name, asked string // what a request must contain
		result      string // in place of its answer's
		step        string
	}{
		{"another chain", "eth_chainId", `"0x1"`, "chain_id"},
		{"other code", "eth_getCode", `"0x6000"`, "contract"},
		{"no code", "eth_getCode", `"0x"`, "contract"},
		{"no batch yet", selector("nextBatchId()"), word, "log_root"},
		{"contains none", selector("contains(uint64,bytes32,uint32,bytes32[])"), word, "contains"},
		{"verifies none", selector("verify(uint64,uint32,bytes32,uint256,bytes32[],bytes32[])"), word, "verify"},
		{"no transaction", "eth_getTransactionReceipt", "null", "transaction"},
		{"a finalized block below", "finalized", `{"number":"0x1","hash":"0x` + strings.Repeat("22", 32) + `","timestamp":"0x1"}`, "finality"},
	} {
		stop := s.chain.lies(func(_ *http.Request, asked []byte, status int, answer []byte) (int, []byte) {
			if !strings.Contains(string(asked), of.asked) {
				return status, answer
			}
			var request struct{ ID json.RawMessage }
			if json.Unmarshal(asked, &request) != nil || request.ID == nil {
				return status, answer
			}
			return status, []byte(`{"jsonrpc":"2.0","id":` + string(request.ID) + `,"result":` + of.result + `}`)
		})
		failed := p.failed()
		stop()
		require.Equal(t, of.step, failed, "%s: %s", of.name, p.text(".check"))
		require.NotEmpty(t, p.text(".steps .failed .means"))
	}
	stop := s.chain.lies(func(_ *http.Request, asked []byte, status int, answer []byte) (int, []byte) {
		if strings.Contains(string(asked), selector("logRoot()")) {
			answer = regexp.MustCompile(`"result":"0x..`).ReplaceAll(answer, []byte(`"result":"0x00`))
		}
		return status, answer
	})
	require.Empty(t, p.failed())
	require.Contains(t, p.text(verdict+".unsure"), "Not checked against the contract’s log", "what else the node says has another root")
	require.Contains(t, p.text("[data-step=log_root].skipped"), "they do not give the contract's logRoot")
	stop()
	stop = s.chain.lies(func(_ *http.Request, asked []byte, status int, answer []byte) (int, []byte) {
		if regexp.MustCompile(`eth_getBlockByNumber.*"0x`).Match(asked) {
			answer = hash.ReplaceAll(answer, []byte(`"hash":"0x`+strings.Repeat("33", 32)+`"`))
		}
		return status, answer
	})
	require.Equal(t, "block", p.failed(), p.text(".check"))
	stop()
	stop = s.chain.lies(func(_ *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
		return status, regexp.MustCompile(`"timestamp":"0x[0-9a-f]+"`).ReplaceAll(answer, []byte(`"timestamp":"0xffffffffffffffff"`))
	})
	require.Empty(t, p.failed(), "a time is not proved")
	require.Contains(t, p.text(verdict), "18446744073709551615", "no calendar has it")
	stop()
	require.Empty(t, p.failed(), "an honest one is believed again")
}

func (s *shop) bearsWithNodes(t *testing.T) {
	r := s.sell(slip)
	s.proof(r)
	p := s.browser.open(t, s.page(r), look{})
	unsure := func(reason string) {
		t.Helper()
		require.Empty(t, p.failed(), "nothing is known of the record")
		require.Contains(t, p.text(verdict+".unsure"), reason)
		require.Contains(t, p.text(verdict), "Try another node")
	}
	s.chain.closed.Store(true)
	unsure("no connection")
	s.chain.closed.Store(false)
	for body, reason := range map[string]string{
		"rubbish": "the answer cannot be read", `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"<b>no"}}`: "JSON-RPC error -32000",
	} {
		stop := s.chain.lies(func(_ *http.Request, _ []byte, status int, _ []byte) (int, []byte) { return status, []byte(body) })
		unsure(reason)
		stop()
	}
	stop := s.chain.lies(func(r *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
		if r.Method != http.MethodPost { // what a browser asks before
			return status, answer
		}
		return http.StatusTooManyRequests, []byte("busy")
	})
	unsure("HTTP status 429")
	stop()

	held := make(chan struct{})
	s.chain.held.Store(&held)
	p.click(run)
	p.untilText(verdict, "Verifying")
	p.untilText("[data-step=log]", "holds") // what needs no node is done
	require.True(t, eval[bool](p, `document.querySelector("button.main").disabled`))
	close(held)
	p.untilText(verdict, valid)
	s.chain.held.Store(nil)

	s.gateway.closed.Store(true)
	require.Empty(t, p.failed())
	require.Contains(t, p.text(verdict+".unsure"), "The shop’s server does not give the proof")
	s.gateway.closed.Store(false)
}
