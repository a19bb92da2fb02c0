package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	soon       = 90 * time.Second // what takes a moment, on a busy machine
	lookAgain  = 20 * time.Millisecond
	installing = 10 * time.Minute
	phone      = 600 // CSS pixels: a narrower window is one
)

// look is how a shopper sees a page.
type look struct {
	width, height int64 // of the window, in CSS pixels; 0: 1280 by 900
	dark          bool
	languages     string // such as "hi-IN,hi"; "" for "en-IN,en"
	printed       bool
	bare          bool // no JavaScript
}

// chromium is Debian's browser, headless.
type chromium struct {
	t    *testing.T
	root context.Context
}

func startChromium(t *testing.T) *chromium {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installing)
	defer cancel()
	path, err := local.EnsureChromium(ctx, t.Output())
	require.NoError(t, err)
	dir := t.TempDir()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
		chromedp.NoSandbox, // root has none, nor has a container; the pages are the test's own
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	quiet := func(string, ...any) {} // it reports each event that is newer than it is
	root, stop := chromedp.NewContext(allocator, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	require.NoError(t, chromedp.Do(root))
	t.Cleanup(func() {
		_ = chromedp.Cancel(root) // waits for the process
		stop()
		stopAllocator()
	})
	return &chromium{t: t, root: root}
}

// tab is a page in a browser context of its own: nothing is shared with others.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	requested []string
	wrong     []string          // what the console or a policy complained of
	saved     map[string]string // downloads by their name, once they are complete
	saving    map[string]string // by their GUID
	dir       string
}

// open shows an address.
func (c *chromium) open(t *testing.T, url string, as look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(c.root, chromedp.WithNewBrowserContext())
	p := &tab{t: t, ctx: ctx, dir: t.TempDir(), saved: map[string]string{}, saving: map[string]string{}}
	t.Cleanup(cancel)
	languages := as.languages
	if languages == "" {
		languages = "en-IN,en"
	}
	if as.width == 0 {
		as.width, as.height = 1280, 900
	}
	first, _, _ := strings.Cut(languages, ",")
	scheme, media := "light", ""
	if as.dark {
		scheme = "dark"
	}
	if as.printed {
		media = "print"
	}
	require.NoError(t, chromedp.Listen(ctx, p.hear))
	command(p, network.Enable, network.EnableParams{})
	command(p, log.Enable, cdp.Empty{})
	command(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: as.width, Height: as.height, DeviceScaleFactor: 1, Mobile: as.width < phone,
	})
	command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	agent := eval[string](p, "navigator.userAgent")
	command(p, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: languages})
	command(p, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: first})
	command(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: as.bare})
	events := true
	command(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: p.dir, EventsEnabled: &events,
		BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
	})
	p.visit(url)
	return p
}

func (p *tab) visit(url string) {
	p.t.Helper()
	p.run(chromedp.Navigate(url))
}

func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requested = append(p.requested, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.wrong = append(p.wrong, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.wrong = append(p.wrong, e.Entry.Text+" "+e.Entry.URL)
		}
	case *browser.EventDownloadWillBegin:
		p.saving[e.GUID] = e.SuggestedFilename
	case *browser.EventDownloadProgress:
		if name, ours := p.saving[e.GUID]; ours && e.State == browser.DownloadProgressStateCompleted {
			p.saved[name] = filepath.Join(p.dir, e.GUID)
		}
	}
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, soon)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// command sends one of the DevTools protocol.
func command[P, R any](p *tab, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	result, err := chromedp.Call(p.ctx, cmd, params)
	require.NoError(p.t, err)
	return result
}

// eval is the value of a JavaScript expression, awaited where it is a promise.
func eval[T any](p *tab, js string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, soon)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, js)
	return value
}

// text is what an element shows, "" when there is none.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, `document.querySelector(`+quoted(selector)+`)?.innerText ?? ""`)
}

func quoted(text string) string {
	js, _ := json.Marshal(text) // a string always can be
	return string(js)
}

// until waits for a JavaScript condition, across loads.
func (p *tab) until(what, js string) {
	p.t.Helper()
	var err error
	for ctx, cancel := context.WithTimeout(p.ctx, soon); ; {
		var holds bool
		holds, err = chromedp.Run(ctx, chromedp.Evaluate[bool](`Boolean(`+js+`)`)) // fails while a page is loaded
		if err == nil && holds {
			cancel()
			return
		}
		if !wait.Pause(ctx, lookAgain) {
			cancel()
			break
		}
	}
	require.Fail(p.t, "not "+what, "%v; the page shows:\n%s\nand complains of %q", err, p.text("body"), p.complaints())
}

// untilText waits until an element shows a text.
func (p *tab) untilText(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q in %s", text, selector), `document.querySelector(`+quoted(selector)+`)?.innerText.includes(`+quoted(text)+`)`)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector)))
}

// fill replaces what a field holds.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	eval[string](p, `document.querySelector(`+quoted(selector)+`).value = ""`)
	p.run(chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (p *tab) press(keys string) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(keys))
}

func (p *tab) upload(selector, path string) {
	p.t.Helper()
	p.run(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

// download clicks, and returns the file that is saved by it.
func (p *tab) download(selector, name string) string {
	p.t.Helper()
	p.click(selector)
	var path string
	testkit.Eventually(p.t, soon, name+" is saved", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if path = p.saved[name]; path == "" {
			return fmt.Errorf("%v is", p.saved)
		}
		return nil
	})
	return path
}

// hosts are the origins that were asked.
func (p *tab) hosts() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, url := range p.requested {
		scheme, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		if origin := scheme + "://" + host; !slices.Contains(all, origin) && rest != "" {
			all = append(all, origin)
		}
	}
	slices.Sort(all)
	return all
}

// complaints are what the console and the policy have said.
func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.wrong)
}

// keep writes what is seen in the window from an element on into the folder that IMAGES names, if it names one: for a look, and for the README.
func (p *tab) keep(name, from string) {
	p.t.Helper()
	dir := os.Getenv("IMAGES")
	if dir == "" {
		return
	}
	eval[bool](p, `(document.querySelector(`+quoted(from)+`).scrollIntoView(), true)`)
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)))
}

// Paper, in inches: a roll of 80 mm, cut at 297 mm, and A4.
var (
	roll = chromedp.PaperSize{Width: 80 / 25.4, Height: 297 / 25.4}
	a4   = chromedp.PaperA4
)

// sheets is how many sheets of paper the page takes.
func (p *tab) sheets(paper chromedp.PaperSize) int {
	p.t.Helper()
	pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(paper), chromedp.PDFPreferCSSPageSize()))
	require.NoError(p.t, err)
	return len(sheet.FindAll(pdf, -1))
}

var sheet = regexp.MustCompile(`/Type\s*/Page\b`)

// fits reports whether nothing is wider than the window.
func (p *tab) fits() bool {
	p.t.Helper()
	return eval[bool](p, `document.documentElement.scrollWidth <= document.documentElement.clientWidth`)
}

// violations are what axe-core has to say: its rules for WCAG 2.2 AA and its best practices.
func (p *tab) violations() []string {
	p.t.Helper()
	axe, err := os.ReadFile("../../../../services/gateway/web/node_modules/axe-core/axe.min.js")
	require.NoError(p.t, err, "make tools installs it")
	p.run(chromedp.Evaluate[chromedp.Void](string(axe)))
	return eval[[]string](p, `axe.run({
		resultTypes: ["violations"],
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], // target-size is off without its tag
	}).then(
		({violations}) => violations.flatMap(({id, help, nodes}) => nodes.map(({html}) => id + ": " + help + ": " + html)))`)
}
