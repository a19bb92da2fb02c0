package gateway_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/api"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

func TestTillsKeepTheirPlacesInAGatewayThatIsFull(t *testing.T) {
	shop := setup(t)
	full := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.Limits = api.Limits{Connections: 3, Strangers: 2} }))
	via := func() *http.Client { return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}} }
	ask := func(by *http.Client) reply {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, full.url+"/idempotency/"+newKey(), nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+full.key)
		r, err := exchangeBy(by, req)
		require.NoError(t, err)
		return r
	}
	clients := []*http.Client{via(), via(), via(), via()}
	for _, c := range clients[:3] { // more than may be strangers
		defer c.CloseIdleConnections()
		refuses(t, ask(c), 404, refusal.NotFound)
	}
	refuses(t, ask(clients[3]), 503, refusal.Overloaded)
	for _, c := range clients[:3] {
		refuses(t, ask(c), 404, refusal.NotFound)
	}
	clients[0].CloseIdleConnections()
	eventually(t, "there is room again", func() error {
		if r := ask(clients[3]); r.Status != 404 {
			return &net.AddrError{Err: string(r.Body)}
		}
		return nil
	})
	clients[3].CloseIdleConnections()
}
