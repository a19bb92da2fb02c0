package page_test

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

const (
	blockTime = 100 * time.Millisecond // finality comes every 32 blocks

	verdict = ".verdict"
	run     = "button.main"
	valid   = "Valid. The chain confirms this record."
	ended   = `document.querySelector(".verdict.good, .verdict.bad, .verdict.unsure")`

	slip = `{"currency":"INR","total":"2098.50","customer_id":"SECRET-1","external_ref":"INV-2026-00042","occurred_at":"2026-11-28T10:15:30+05:30","lines":[
		{"sku":"TEA-250","name":"Assam tea","quantity":"2","unit_price":"624.75","tax_included":true,
		 "taxes":[{"name":"CGST","rate":"9","amount":"95.30"},{"name":"SGST","rate":"9","amount":"95.30"}],"amount":"1249.50"},
		{"name":"Coffee","quantity":"0.250","unit_price":"3200","tax":"40.00","tax_included":true,"amount":"800.00"},
		{"name":"Chai masala","quantity":"1","unit_price":"99","discount":"10"},{"type":"discount","name":"Diwali","amount":"-40.00"}],
		"tenders":[{"type":"cash","amount":"1098.50","tendered":"1100.00","change":"1.50"},{"type":"card","amount":"1000.00","reference":"4242"}]}`
)

func TestTheReceipt(t *testing.T) {
	s := open(t)
	for _, story := range []struct {
		name string
		tell func(*shop, *testing.T)
	}{
		{"shows the slip, and nothing of the customer", (*shop).showsTheSlip},
		{"is followed from the first second until it is final", (*shop).isFollowed},
		{"offers to wait for its proof, and verifies the promise before", (*shop).waits},
		{"names what one altered byte of its proof breaks", (*shop).namesWhatIsAltered},
		{"names what a lying node breaks", (*shop).namesLies},
		{"says when a node does not answer, and waits for one that is slow", (*shop).bearsWithNodes},
		{"is compared with the contract that the shop published", (*shop).comparesTheContract},
		{"asks a node of the shopper's own", (*shop).asksAnotherNode},
		{"says that what is stored was altered, and by which step", (*shop).saysAltered},
		{"fits a phone and a screen, light and dark, in English and Hindi, and paper", (*shop).fitsEverywhere},
		{"shows any name as a name", (*shop).showsNames},
		{"shows 500 lines", (*shop).showsManyLines},
		{"is used from the keyboard", (*shop).isUsedByKeyboard},
		{"explains itself where there is none, and without a program", (*shop).explains},
		{"is verified by a file, with nothing but the chain running", (*shop).needsNoShop}, // the last: it stops the engine
	} {
		t.Run(story.name, func(t *testing.T) {
			of := *s
			of.t = t
			defer func() {
				for _, d := range []*door{s.gateway, s.chain, s.other} {
					d.honest()
				}
			}()
			story.tell(&of, t)
		})
	}
}

func (s *shop) showsTheSlip(t *testing.T) {
	r := s.sell(slip)
	p := s.browser.open(t, s.page(r), look{})
	p.untilText("h1", "Receipt")
	shown := p.text("main")
	for _, text := range []string{
		"Chai & Co", "Bengaluru 560001", "GSTIN 29AAGCB7383J1Z4", "₹2,098.50", "28 Nov 2026, 10:15:30 am (UTC+05:30)", "(UTC)", "INV-2026-00042",
		"2 × ₹624.75", "CGST 9 % ₹95.30", "discount ₹10.00", "Diwali (Discount)", "-₹40.00", "₹50.00", "given ₹1,100.00", "change ₹1.50", "reference 4242",
		"_tillseal.chai.example",
	} {
		require.Contains(t, shown, text)
	}
	require.NotContains(t, eval[string](p, "document.documentElement.outerHTML"), "SECRET-1")
	require.NotContains(t, shown, "Balance")
	require.Equal(t, "Receipt · Chai & Co", eval[string](p, "document.title"))
	require.Equal(t, s.page(r), eval[string](p, "location.href"))

	refund := s.browser.open(t, s.page(s.sell(`{"kind":"refund","refund_of":"`+r.SaleID+`","currency":"INR","total":"89.00"}`)), look{})
	refund.untilText("h1", "Receipt of a refund")
	require.Contains(t, refund.text(".facts"), r.SaleID)
}

func (s *shop) isFollowed(t *testing.T) {
	r := s.sell(slip)
	p := s.browser.open(t, s.page(r), look{})
	p.untilText(".sentence", "This is on the chain for good.")
	require.Equal(t, "Final", eval[string](p, `document.querySelector(".stages [aria-current=step] span").textContent`))
	p.click(run)
	p.untilText(verdict, valid)
	require.Contains(t, p.text(verdict), "The promise was kept")
	require.Equal(t, 18, eval[int](p, `document.querySelectorAll(".steps li.ok").length`), p.text(".steps"))
	for _, step := range []string{"request", "sale_hash", "leaf", "proof", "log", "log_root", "transaction"} {
		require.Regexp(t, `0x[0-9a-f]{64}`, p.text(`.steps [data-step=`+step+`]`))
	}
	require.Contains(t, p.text(".proof"), eval[string](p, `document.querySelector("[data-step=transaction] code").textContent`))
	link := eval[string](p, `document.querySelector(".proof a[href*=tx]").href`)
	require.Regexp(t, `^https://explorer\.example/tx/0x[0-9a-f]{64}$`, link)
	require.ElementsMatch(t, []string{s.gateway.url, s.chain.url}, p.hosts(), "nobody else is asked")
	require.Empty(t, p.complaints())
}

// pending has the page learn what it would in a sale's first second.
func pending(r *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/status"):
		return status, []byte(`{"status":"pending"}`)
	case strings.HasSuffix(r.URL.Path, "/proof"):
		return http.StatusConflict, []byte(`{"code":"NOT_ANCHORED_YET"}`)
	}
	return status, regexp.MustCompile(`"proof":\{[^}]*\}`).ReplaceAll(answer, []byte(`"proof":{"status":"pending"}`))
}

func (s *shop) waits(t *testing.T) {
	r := s.sell(slip)
	s.gateway.lies(pending)
	p := s.browser.open(t, s.page(r), look{})
	p.untilText(".sentence", "waiting for its batch")
	require.Contains(t, p.text(".proof"), "Promised to be on the chain by")
	require.Empty(t, p.text(".downloads a"), "there is no proof to download")
	kept, err := os.ReadFile(p.download(".downloads button", "promise-"+r.SaleID+".jws"))
	require.NoError(t, err)
	require.Equal(t, r.Promise+"\n", string(kept))
	p.click(run)
	p.untilText(verdict, "The promise is genuine. The proof itself does not exist yet.")
	p.click(".verify div > p > button")
	p.untilText(".verify", "Waiting for the proof")

	other := s.sell(slip)
	stop := s.gateway.lies(func(req *http.Request, asked []byte, status int, answer []byte) (int, []byte) {
		return pending(req, asked, status, []byte(strings.ReplaceAll(string(answer), r.Promise, other.Promise)))
	})
	lied := s.browser.open(t, s.page(r), look{})
	lied.click(run)
	lied.untilText(verdict+".bad", "The promise is not valid.")
	require.Contains(t, lied.text(".steps .failed"), "another sub")
	s.final(r)
	stop()
	p.untilText(verdict, valid)
	p.untilText(".sentence", "This is on the chain for good.")
	require.Contains(t, p.text(".downloads"), "your customer id and points balance too")
}

func (s *shop) comparesTheContract(t *testing.T) {
	r := s.sell(slip)
	contract := regexp.MustCompile(`"contract":"(0x[0-9a-fA-F]{40})"`).FindSubmatch(s.proof(r))[1]
	published, chainID := "", "1337"
	defer s.gateway.lies(func(_ *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
		return status, regexp.MustCompile(`"chain":\{"rpc"`).ReplaceAll(answer, []byte(`"chain":{"chain_id":"`+chainID+`","contract":"`+published+`","rpc"`))
	})()
	published = string(contract)
	p := s.browser.open(t, s.page(r), look{})
	p.click(run)
	p.untilText(verdict, valid)
	require.Contains(t, p.text(".proof"), "eip155:1337:"+published)
	require.NotContains(t, p.text(verdict), "It was not compared")
	for _, published = range []string{"0x5FbDB2315678afecb367f032d93F642f64180aa3", string(contract)} {
		p = s.browser.open(t, s.page(r), look{})
		p.click(run)
		p.untilText(verdict, "Not valid")
		require.Contains(t, p.text(".steps .failed"), "not the contract that the shop published")
		chainID = "1" // the same address on another chain
	}
}

func (s *shop) asksAnotherNode(t *testing.T) {
	r := s.sell(slip)
	s.proof(r)
	p := s.browser.open(t, s.page(r), look{})
	p.click(".node summary")
	p.fill("#node", "ftp://rpc.example")
	p.press(kb.Enter)
	p.untilText(".node .wrong", "not an http or https URL")
	p.fill("#node", s.other.url+"/v3/secret-key")
	p.press(kb.Enter)
	p.untilText(verdict, valid)
	require.Contains(t, eval[string](p, "location.href"), "&node=")
	require.NotContains(t, eval[string](p, "location.href"), "secret-key", "it stays in the browser")
	require.ElementsMatch(t, []string{s.gateway.url, s.other.url}, p.hosts())
	require.Empty(t, p.complaints())
	require.Contains(t, p.text(verdict), strings.TrimPrefix(s.other.url, "http://"), "the verdict says who was asked")

	lured := s.browser.open(t, s.page(r)+"&node="+s.other.url+"#verify", look{}) // somebody else made the address
	lured.untilText(run, "Verify")
	require.Empty(t, lured.text(verdict))
	lured.click(run)
	lured.untilText(verdict, valid)
	require.ElementsMatch(t, []string{s.gateway.url, s.chain.url}, lured.hosts(), "it names no node")
}

func (s *shop) saysAltered(t *testing.T) {
	r := s.sell(slip)
	s.final(r)
	p := s.browser.open(t, s.page(r), look{})
	p.click(run)
	p.untilText(verdict, valid)
	stop := s.gateway.lies(func(_ *http.Request, _ []byte, status int, answer []byte) (int, []byte) {
		return status, []byte(strings.ReplaceAll(string(answer), `"status":"final"`, `"status":"mined"`))
	})
	live := s.browser.open(t, s.page(r), look{})
	s.exec("UPDATE sales.sale SET total = '1.00' WHERE sale_id = $1", r.SaleID)
	stop()
	live.untilText("h1", "This receipt can’t be shown") // without a reload
	p.click(run)
	p.untilText(verdict+".bad", "What the shop has stored is not what it recorded and signed.")
	p.untilText(".steps .failed", "What the till sent hashes to what was recorded")
	require.Contains(t, p.text("main"), "Save the promise", "it still says what was recorded")
	fresh := s.browser.open(t, s.page(r), look{})
	fresh.untilText("main", "it was altered afterwards")
	fresh.click(run)
	fresh.untilText(".steps .failed", "lines, total or customer were changed")
	require.NotContains(t, fresh.text("main"), "2,098.50")
	require.Empty(t, fresh.violations())
}

func (s *shop) isUsedByKeyboard(t *testing.T) {
	r := s.sell(slip)
	s.proof(r)
	p := s.browser.open(t, s.page(r), look{})
	p.untilText(run, "Verify")
	const most = 40
	for range most {
		if eval[bool](p, `document.activeElement.matches("button.main")`) {
			break
		}
		p.press(kb.Tab)
	}
	require.Equal(t, "3px", eval[string](p, `getComputedStyle(document.activeElement).outlineWidth`), "it is seen where one is")
	p.press(kb.Enter)
	p.untilText(verdict, valid)
	require.Equal(t, "status", eval[string](p, `document.querySelector(".verdict").getAttribute("role")`), "a screen reader is told")
}

func (s *shop) explains(t *testing.T) {
	r := s.sell(slip)
	p := s.browser.open(t, s.page(r)+"x", look{})
	p.untilText("main", "There is no receipt at this address.")
	require.Empty(t, p.violations())
	p = s.browser.open(t, s.page(r), look{bare: true})
	require.Contains(t, p.text("noscript"), "allow JavaScript for this page")
}

func (s *shop) fitsEverywhere(t *testing.T) {
	r := s.sell(slip)
	s.final(r)
	for name, as := range map[string]look{
		"receipt-narrow": {width: 320, height: 640}, "receipt-phone": {width: 360, height: 720}, "receipt-wide": {}, "receipt-dark": {dark: true},
		"receipt-hindi": {width: 360, height: 720, dark: true, languages: "hi-IN,hi"},
		"receipt-paper": {width: 302, height: 720, printed: true}, // 80 mm
		"receipt-a4":    {width: 794, height: 1123, printed: true},
	} {
		p := s.browser.open(t, s.page(r), as)
		p.until("shown", `document.querySelector("h1")`)
		require.True(t, p.fits(), name)
		require.Empty(t, p.violations(), name)
		p.keep(name, "main")
		if as.printed {
			require.Equal(t, "none", eval[string](p, `getComputedStyle(document.querySelector("section.verify")).display`), "no button on paper")
			require.NotEqual(t, "none", eval[string](p, `getComputedStyle(document.querySelector(".qr")).display`))
			continue
		}
		p.click(run)
		p.until("verified", ended)
		require.Equal(t, "verdict good", eval[string](p, `document.querySelector(".verdict").className`), p.text(".check"))
		require.True(t, p.fits(), name)
		require.Empty(t, p.violations(), name)
		p.keep(name+"-proof", ".proof")
		p.keep(name+"-verified", ".actions")
	}
	p := s.browser.open(t, s.page(r), look{languages: "hi-IN,hi"})
	p.untilText("h1", "रसीद")
	require.Equal(t, "hi", eval[string](p, "document.documentElement.lang"))
	require.Contains(t, p.text(".proof"), "यह हमेशा के लिए चेन पर है")
	p.run(chooseLanguage("en"))
	p.untilText("h1", "Receipt")
	for _, paper := range []struct {
		size chromedp.PaperSize
		most int
	}{{roll, 2}, {a4, 2}} {
		n := p.sheets(paper.size)
		require.Positive(t, n)
		require.LessOrEqual(t, n, paper.most)
	}
}

func (s *shop) showsNames(t *testing.T) {
	names := []string{
		`<img src=x onerror="window.pwned=1">`, `</script><script>window.pwned=1</script>`, `قهوة عربية (200g)`, "\u202etuo edisni\u202c", `"'&{quantity}`,
	}
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = `{"name":` + quoted(name) + `,"amount":"1"}`
	}
	r := s.sell(`{"currency":"INR","total":"` + strconv.Itoa(len(names)) + `","external_ref":"<b>ref","lines":[` + strings.Join(lines, ",") +
		`],"tenders":[{"type":"<i>cash","amount":"` + strconv.Itoa(len(names)) + `","reference":"<u>x"}]}`)
	s.proof(r)
	p := s.browser.open(t, s.page(r), look{width: 320, height: 640})
	p.click(run)
	p.untilText(verdict, valid)
	for _, name := range append(names, "<b>ref", "<i>cash", "<u>x") {
		require.Contains(t, eval[[]string](p, `[...document.querySelectorAll("bdi")].map((one) => one.textContent)`), name, "with a direction of its own")
	}
	require.False(t, eval[bool](p, `"pwned" in window`))
	require.Zero(t, eval[int](p, `document.querySelectorAll("main img, main script, main b, main i, main u").length`))
	require.Empty(t, p.violations())
	require.True(t, p.fits())
}

func (s *shop) showsManyLines(t *testing.T) {
	const many = 500
	line := `{"name":"` + strings.Repeat("Eine sehr lange Bezeichnung ", 4) + `","quantity":"3","unit_price":"0.333333333","tax":"0.10","amount":"1.10"}`
	r := s.sell(`{"currency":"INR","total":"550.00","lines":[` + strings.TrimSuffix(strings.Repeat(line+",", many), ",") + `]}`)
	s.proof(r)
	p := s.browser.open(t, s.page(r), look{width: 320, height: 640})
	p.click(run)
	p.untilText(verdict, valid)
	require.Equal(t, many, eval[int](p, `document.querySelectorAll(".lines tbody tr").length`))
	require.Contains(t, p.text(".totals"), "₹50.00")
	require.True(t, p.fits())
}
