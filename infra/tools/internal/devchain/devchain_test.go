package devchain

import (
	"context"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// running starts a chain in dir until stop is called.
func running(t *testing.T, dir string) (url string, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{
			Dir: dir, Host: "0.0.0.0", Names: []string{"chain"}, Fund: []string{testkit.DevAddress.Hex()}, BlockTime: time.Second,
			Ready: func(url string) { ready <- url },
		})
	}()
	select {
	case url = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return url, func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestTheChainIsFundedAndStaysTheSameOverAStart(t *testing.T) {
	dir := t.TempDir()
	var genesis [2]string
	for i := range genesis {
		url, stop := running(t, dir)
		client, err := ethclient.DialContext(t.Context(), url)
		require.NoError(t, err)
		balance, err := client.BalanceAt(t.Context(), testkit.DevAddress, nil)
		require.NoError(t, err)
		require.Equal(t, "1000000000000000000000000", balance.String())
		header, err := client.HeaderByNumber(t.Context(), new(big.Int))
		require.NoError(t, err)
		genesis[i] = header.Hash().Hex()
		client.Close()
		stop()
	}
	require.Equal(t, genesis[0], genesis[1])
}

// A browser that was led here by another name is no client.
func TestOnlyItsOwnNamesAreAnswered(t *testing.T) {
	url, stop := running(t, t.TempDir())
	defer stop()
	for host, status := range map[string]int{"chain:8545": 200, "localhost:8545": 200, "127.0.0.1:8545": 200, "evil.example": 403} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url,
			strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}`))
		require.NoError(t, err)
		request.Host = host
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		require.Equal(t, status, answer.StatusCode, host)
	}
}

func TestAWrongSettingIsNamed(t *testing.T) {
	good := Config{Dir: t.TempDir(), BlockTime: time.Second}
	for name, spoil := range map[string]func(*Config){
		"CHAIN_DIR":        func(c *Config) { c.Dir = "" },
		"CHAIN_PORT":       func(c *Config) { c.Port = 70_000 },
		"CHAIN_FUND":       func(c *Config) { c.Fund = []string{"0x12"} },
		"CHAIN_BLOCK_TIME": func(c *Config) { c.BlockTime = time.Millisecond },
	} {
		cfg := good
		spoil(&cfg)
		err := Run(t.Context(), cfg)
		require.True(t, fault.Is(err, fault.Invalid))
		require.ErrorContains(t, err, name)
	}
}
