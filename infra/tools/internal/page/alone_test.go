package page_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// chooseLanguage chooses one in the page's menu.
func chooseLanguage(tag string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](`{
		const menu = document.querySelector("#language");
		menu.value = ` + quoted(tag) + `;
		menu.dispatchEvent(new Event("change"));
	}`)
}

// needsNoShop verifies what a shopper kept, by infra/verify.html, after the engine has stopped.
func (s *shop) needsNoShop(t *testing.T) {
	r := s.sell(slip)
	s.final(r)
	p := s.browser.open(t, s.page(r), look{})
	proof := p.download(".downloads a", "proof-"+r.SaleID+".json")
	promise := p.download(".downloads button", "promise-"+r.SaleID+".jws")
	kept, err := os.ReadFile(proof)
	require.NoError(t, err)
	keys := filepath.Join(t.TempDir(), "jwks.json")
	response, err := http.Get(s.e.GatewayURL + "/.well-known/jwks.json")
	require.NoError(t, err)
	jwks, err := io.ReadAll(response.Body)
	require.NoError(t, response.Body.Close())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(keys, jwks, 0o600))
	answer := filepath.Join(t.TempDir(), "answer.json")
	require.NoError(t, os.WriteFile(answer, r.body, 0o600))
	s.logsNothing(r)

	require.NoError(t, s.e.Close(t.Context()))
	chain := testkit.Chain(t, func(c *local.ChainConfig) {
		c.Dir, c.AllowedOrigins, c.Period = filepath.Join(s.dir, "run", "chain"), []string{"*"}, blockTime
	})
	contract := regexp.MustCompile(`"contract":"(0x[0-9a-fA-F]{40})"`).FindStringSubmatch(string(kept))[1]
	page, err := filepath.Abs("../../../verify.html")
	require.NoError(t, err)
	p = s.browser.open(t, (&url.URL{Scheme: "file", Path: page}).String(), look{})
	p.click(run)
	p.untilText(".wrong", "Choose a proof or a promise first.")
	p.upload("#file", proof)
	p.until("at the node's field", `document.activeElement.id === "node"`)
	require.Empty(t, p.failed(), "no node is named")
	require.Contains(t, p.text(verdict+".unsure"), "Name a node of the chain first")
	p.fill("#node", chain.URL())
	require.Empty(t, p.failed())
	require.Contains(t, p.text(verdict), valid)
	require.Contains(t, p.text("main"), "SECRET-1", "it is of the holder's own proof")
	require.NotContains(t, p.text("main"), "salt")
	p.keep("verify", "main")
	require.Empty(t, p.violations())

	p.click("form details summary")
	p.fill("#contract", "0x5FbDB2315678afecb367f032d93F642f64180aa3")
	require.Equal(t, "contract", p.failed())
	p.fill("#contract", "eip155:1:"+contract)
	require.Equal(t, "contract", p.failed(), "the same address on another chain")
	p.fill("#contract", "eip155:1337:"+contract)
	require.Empty(t, p.failed())
	require.Contains(t, p.text(verdict), valid)
	p.fill("#contract", "0x12")
	p.click(run)
	p.untilText(".wrong", "A contract’s address is")
	p.fill("#contract", "")
	p.upload("#keys-file", keys)
	require.Empty(t, p.failed())
	require.Contains(t, p.text(verdict), valid)
	require.NotContains(t, p.text("[data-step=promise]"), "not checked")

	paste := func(text []byte) {
		p.run(chromedp.SetValue(chromedp.CSS("#text"), string(text)))
	}
	paste(bytes.Replace(kept, []byte(`"total":"2098.50"`), []byte(`"total":"1.00"`), 1))
	require.Equal(t, "request", p.failed())
	paste(append([]byte(`{"sale_hash":"0x00",`), kept[1:]...)) // a forged member before the true one
	require.Equal(t, "shape", p.failed())
	paste(append([]byte(`{"sale_id":"x",`), bytes.Replace(kept, []byte(`"total":"2098.50"`), []byte(`"total":"1.00"`), 1)[1:]...))
	require.Equal(t, "request", p.failed(), "a proof is no till's answer, whatever it has beside")
	paste(bytes.Replace(r.body, []byte(r.SaleID), []byte("01a223e8-a033-72c6-b93e-7e2c38ba51f5"), 1))
	require.Equal(t, "promise", p.failed(), "the promise is of another sale than the answer says")
	paste([]byte("rubbish"))
	require.Equal(t, "shape", p.failed())
	for _, file := range []string{promise, answer} {
		p.upload("#file", file)
		p.until("verified", ended)
		p.untilText(verdict, "The promise is genuine.")
		require.Contains(t, p.text("main"), r.SaleID)
	}
	for _, host := range p.hosts() {
		require.Contains(t, []string{"file://", chain.URL()}, host, "nobody else is asked")
	}
	require.Empty(t, p.complaints())

	p = s.browser.open(t, (&url.URL{Scheme: "file", Path: page}).String(), look{width: 320, height: 640, dark: true, languages: "hi"})
	p.untilText("h1", "रसीद")
	require.True(t, p.fits())
	require.Empty(t, p.violations())
	p.run(chromedp.SetValue(chromedp.CSS("#text"), r.Promise))
	require.Empty(t, p.failed())
	require.Contains(t, p.text(verdict+".unsure"), "दुकान की कुंजियाँ", "without the shop's keys nothing is known of its signature")
}

// logsNothing requires that no log of the engine's has a receipt's token or its customer.
func (s *shop) logsNothing(r sold) {
	s.t.Helper()
	logs, err := filepath.Glob(filepath.Join(s.dir, "run", "log", "*.log"))
	require.NoError(s.t, err)
	require.NotEmpty(s.t, logs)
	u, err := url.Parse(r.ReceiptURL)
	require.NoError(s.t, err)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		require.NoError(s.t, err)
		require.NotContains(s.t, string(text), u.Query().Get("t"), path)
		require.NotContains(s.t, string(text), "SECRET-1", path)
	}
}
