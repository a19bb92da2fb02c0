package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
)

// Limits of one request.
const (
	requestTimeout = 3 * time.Second  // an answer that takes longer is of no use to a poll
	maxHeader      = 64 << 10         // of an answer, in bytes: ten times what the sources send
	maxRedirects   = 3                // on the same host
	defaultPause   = time.Minute      // after a 429 that names no time: the sources count by the minute
	maxPause       = 15 * time.Minute // a source that names a longer pause is asked again after this
)

// pausedError is a source's request to wait before the next one.
type pausedError struct {
	status int
	until  time.Time
}

func (e *pausedError) Error() string {
	return fmt.Sprintf("it answered %d and is not asked again until %s", e.status, e.until.UTC().Format(time.RFC3339))
}

// errElsewhere is a redirect that would take the request, and its key, to another host.
var errElsewhere = fault.New(fault.Invalid, "it redirects to another host")

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() // proxies of the environment, HTTP/2
	transport.MaxResponseHeaderBytes = maxHeader
	return &http.Client{
		Transport: plain{transport},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0].URL
			if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
				return errElsewhere
			}
			if len(via) > maxRedirects {
				return fault.New(fault.Invalid, "it redirects more than %d times", maxRedirects)
			}
			return nil
		},
	}
}

// plain refuses redirects that net/http can't follow, whose error quotes the whole Location: that may repeat a key.
type plain struct{ *http.Transport }

func (p plain) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := p.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := res.Location(); err != nil && !errors.Is(err, http.ErrNoLocation) {
		_ = res.Body.Close() // nothing of it is used
		return nil, fault.New(fault.Invalid, "it redirects to an invalid URL")
	}
	return res, nil
}

// get fetches a body of at most maxBody bytes. No error holds the URL or a header: they may carry a key.
func get(ctx context.Context, client *http.Client, u *url.URL, header http.Header, maxBody int64, now func() time.Time) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Invalid, "its URL can't be used")
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "tillseal-pricing")
	res, err := client.Do(req)
	if err != nil {
		return nil, fault.New(fault.Transient, "ask it: %w", bare(err))
	}
	defer func() { _ = res.Body.Close() }() // what was read is checked
	switch {
	case res.StatusCode == http.StatusTooManyRequests,
		res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
		return nil, &pausedError{status: res.StatusCode, until: retryAfter(res.Header.Get("Retry-After"), now())}
	case res.StatusCode != http.StatusOK:
		return nil, fault.New(fault.Transient, "it answered %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, fault.New(fault.Transient, "read its answer: %w", bare(err))
	}
	if int64(len(body)) > maxBody {
		return nil, fault.New(fault.Invalid, "its answer is longer than %d bytes", maxBody)
	}
	return body, nil
}

// bare is an error of net/http without the URL.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// retryAfter reads RFC 9110's Retry-After: seconds, or a date. A longer pause is cut to maxPause: a source must not take itself out of use, and
// a poll every quarter of an hour can't burden it.
func retryAfter(text string, now time.Time) time.Time {
	pause := defaultPause
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		pause = time.Duration(min(seconds, int64(maxPause/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	return now.Add(min(max(pause, time.Second), maxPause))
}
