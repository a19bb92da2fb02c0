package chain

import (
	"io"
	"net/http"
	"time"

	"github.com/tillseal/tillseal/shared/wait"
)

const (
	callTries  = 3                      // of one call that a node is too busy for
	busyPause  = 250 * time.Millisecond // before the next try, twice as long before the one after
	drainLimit = 4 << 10                // of a refusal's body, read so that the connection can be used again
)

// patient is an HTTP transport that asks again when a node is too busy: a check takes a dozen calls, and with a provider that refuses
// some of them no check would ever be completed. All our calls may be repeated.
type patient struct{ next http.RoundTripper }

func (p patient) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		answer, err := p.next.RoundTrip(req)
		if err != nil || !busy(answer.StatusCode) || try == callTries || req.GetBody == nil {
			return answer, err
		}
		_, _ = io.CopyN(io.Discard, answer.Body, drainLimit)
		_ = answer.Body.Close()
		if !wait.Pause(req.Context(), busyPause<<(try-1)) {
			return nil, req.Context().Err()
		}
		again := req.Clone(req.Context()) // a transport may not change what it was given
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
		req = again
	}
}

func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}
