package verify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/promise"
)

// Limits of what is fetched from a shop.
const (
	fetchTimeout  = 15 * time.Second
	maxFetchBytes = maxProofBytes // a key set and a proof are shorter
)

// command is one run of the program.
type command struct {
	ctx            context.Context //nolint:containedctx // of this run
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
}

// say writes a line; nobody is left to report a failure to.
func (c command) say(format string, values ...any) {
	_, _ = fmt.Fprintf(c.stdout, format+"\n", values...)
}

// failed ends a run that could not be completed.
func (c command) failed(err error) int {
	_, _ = fmt.Fprintf(c.stderr, "verify: %v\n", err)
	return exitUnknown
}

// conclude says the last line.
func (c command) conclude(code int, format string, values ...any) int {
	c.say(format, values...)
	return code
}

// parsed parses flags, which may stand before, between and after the files; done is true when the run ends with it.
func (c command) parsed(flags *flag.FlagSet, args []string, usage string) (files []string, code int, done bool) {
	for {
		switch err := flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			_, _ = io.WriteString(c.stdout, usage)
			if flags.Lookup("rpc") != nil {
				config.Describe[Config](c.stdout)
			}
			return nil, exitValid, true
		case err != nil:
			return nil, c.failed(errors.New("wrong usage; see --help")), true // the cause may quote a URL
		case flags.NArg() == 0:
			return files, 0, false
		}
		files, args = append(files, flags.Arg(0)), flags.Args()[1:]
	}
}

// keys loads the shop's keys from a file or a URL; nil without one.
func (c command) keys(from string) (*promise.Set, error) { return LoadKeys(c.ctx, from, c.stdin) }

// LoadKeys loads a shop's published keys from a file, - for stdin, or a URL; nil for "". Its error never contains a URL.
func LoadKeys(ctx context.Context, from string, stdin io.Reader) (*promise.Set, error) {
	if from == "" {
		return nil, nil //nolint:nilnil // without keys signatures are not checked
	}
	raw, err := load(ctx, from, stdin)
	if err != nil {
		return nil, fmt.Errorf("read the shop's keys: %w", err)
	}
	set, err := promise.ParseSet(raw)
	if err != nil {
		return nil, fmt.Errorf("read the shop's keys: %w", err)
	}
	return &set, nil
}

// isURL takes one of any scheme, so that no URL is shown as the name of a file that is not there.
func isURL(text string) bool { return strings.Contains(text, "://") }

// load reads a file or a URL. An error never contains a URL.
func load(ctx context.Context, from string, stdin io.Reader) ([]byte, error) {
	if !isURL(from) {
		return readFile(from, stdin, maxFetchBytes)
	}
	raw, status, err := fetch(ctx, from)
	if err == nil && status != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", status)
	}
	return raw, err
}

// fetch gets a URL, and follows no redirect: whoever is asked is who was named.
func fetch(ctx context.Context, from string) (body []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	u, err := node.ParseURL(from)
	if err != nil {
		return nil, 0, fmt.Errorf("its URL %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, errors.New("its URL can't be used") // the cause may quote it
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // it is asked once
	client := &http.Client{
		Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, 0, errors.New(node.Reason(err))
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxFetchBytes+1))
	switch {
	case err != nil:
		return nil, 0, errors.New(node.Reason(err))
	case len(body) > maxFetchBytes:
		return nil, 0, fmt.Errorf("the answer is longer than %d bytes", maxFetchBytes)
	}
	return body, answer.StatusCode, nil
}

// wellKnown is where an issuer that is an http or https URL serves its keys.
func wellKnown(issuer string) (string, bool) {
	u, err := node.ParseURL(issuer)
	if err != nil {
		return "", false
	}
	return u.JoinPath(".well-known", "jwks.json").String(), true
}
