package anchor_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

// ofValue has the anchor take its chain for one that is no development chain, with its key in a keystore.
func (h *house) ofValue(proxy *testkit.Proxy) {
	proxy.On("eth_chainId", func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
		return testkit.Reply{Result: json.RawMessage(`"0x1"`)}
	})
	h.cfg.PrivateKey, h.cfg.Keystore, h.cfg.KeystorePasswordFile = "", filepath.Join(h.t.TempDir(), "key"), filepath.Join(h.t.TempDir(), "password")
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(h.t, err)
	encrypted, err := keystore.EncryptKey(&keystore.Key{Id: uuid.New(), Address: testkit.DevAddress, PrivateKey: key}, "secret", keystore.LightScryptN,
		keystore.LightScryptP)
	require.NoError(h.t, err)
	require.NoError(h.t, os.WriteFile(h.cfg.Keystore, encrypted, 0o600))
	require.NoError(h.t, os.WriteFile(h.cfg.KeystorePasswordFile, []byte("secret"), 0o600))
}

func TestTheFirstStartOnAChainThatFinalizesTooLateForThePromisesIsRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.neverFinal(h.chain.URL())
	h.ofValue(proxy)
	h.cfg.BatchAgeMax, h.cfg.PromiseWithin = 100*time.Millisecond, time.Second
	err := h.refused()
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "PROMISE_WITHIN (1s)")
	require.ErrorContains(t, err, "lower ANCHOR_BATCH_AGE_MAX, or raise PROMISE_WITHIN")
	require.Equal(t, "0", h.ask("SELECT count(*)::text FROM anchor.deployment"), "nothing was deployed")
}

func TestAChainThatFinalizesTooLateForThePromisesRaisesAnAlarmAndIsAnchoredAt(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.neverFinal(h.chain.URL())
	h.cfg.BatchAgeMax, h.cfg.PromiseWithin = 100*time.Millisecond, time.Second
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	stop := h.start()
	sold := h.sell(1)
	h.anchored(sold, nil)
	require.NotContains(t, log.String(), "PROMISE_WITHIN", "a development chain that has no final block yet")
	require.NoError(t, stop())

	proxy.Clear()
	require.NoError(t, h.chain.Finalize())
	h.passes(2)
	h.start()
	testkit.Eventually(t, soon, "the alarm", func() error {
		if !strings.Contains(log.String(), "ALARM: PROMISE_WITHIN is too short for the chain at its present speed") {
			return errors.New("not logged")
		}
		return nil
	})
	h.anchored(append(sold, h.sell(1)...), nil)
}
