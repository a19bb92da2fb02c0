package gateway_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
)

// promised holds a closing to be promised as it is, with a key that its gateway serves.
func (t *till) promised(c event.SalesClosed) {
	t.t.Helper()
	r := (&till{t: t.t, url: t.url}).do(http.MethodGet, "/.well-known/jwks.json", "")
	keys, err := promise.ParseSet(r.Body)
	require.NoError(t.t, err, "%s", r.Body)
	got, err := promise.OpenClosing(c.Promise, keys)
	require.NoError(t.t, err)
	at, err := time.Parse(time.RFC3339Nano, c.ClosedAt)
	require.NoError(t.t, err)
	require.Equal(t.t, promise.Closing{
		Issuer: "https://shop.example", ClosingHash: closing.Hash(c), StoreID: c.StoreID, TerminalID: c.TerminalID, ClosingNumber: c.ClosingNumber,
		IssuedAt: at.Unix(),
	}, got)
}

// askToClose asks for a closing once, whatever comes of it.
func (t *till) askToClose(key string) reply {
	t.t.Helper()
	return t.do(http.MethodPost, "/closings", "", "Idempotency-Key", key)
}

// close closes the till, and insists as insist does.
func (t *till) close(key string) (reply, event.SalesClosed) {
	t.t.Helper()
	var r reply
	eventually(t.t, "the till is closed", func() error {
		if r = t.askToClose(key); r.Status != http.StatusCreated {
			require.Equal(t.t, http.StatusServiceUnavailable, r.Status, "%s", r.Body)
			return fmt.Errorf("%s", r.Body)
		}
		return nil
	})
	c := read[event.SalesClosed](t.t, r)
	t.promised(c)
	return r, c
}

// closed closes the till once more.
func (t *till) closed() event.SalesClosed {
	t.t.Helper()
	_, c := t.close(newKey())
	return c
}

// hold makes closings wait, once they are added up, until they are let go.
type hold struct {
	reached chan string // the names of those that wait
	letGo   chan struct{}
}

func newHold() *hold { return &hold{reached: make(chan string, 16), letGo: make(chan struct{})} }

func (h *hold) configure(cfg *gateway.Config) {
	cfg.Closing = func(name string) {
		h.reached <- name
		<-h.letGo
	}
}

func named(t *testing.T, r reply) string {
	t.Helper()
	c := read[event.SalesClosed](t, r)
	return c.Name()
}
