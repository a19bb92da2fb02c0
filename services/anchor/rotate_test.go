package anchor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// newKey is the key that the anchorer's is rotated to: the second of the development mnemonic.
const newKey config.Secret = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"

func addressOf(t *testing.T, key string) common.Address {
	t.Helper()
	private, err := crypto.HexToECDSA(key)
	require.NoError(t, err)
	return crypto.PubkeyToAddress(private.PublicKey)
}

// The steps of OPERATIONS.md, Rotating the anchorer's key, with a batch under way that the old key has signed.
func TestTheAnchorersKeyIsRotatedWithABatchUnderWay(t *testing.T) {
	t.Parallel()
	ownerKey := common.Bytes2Hex(crypto.Keccak256([]byte("owner")))
	owner, successor := addressOf(t, ownerKey), addressOf(t, newKey.Reveal())
	h := setup(t, func(c *anchor.Config) { c.Owner = owner.Hex() })
	h.chain = testkit.Chain(t, func(c *local.ChainConfig) {
		c.Period, c.Fund = 100*time.Millisecond, []common.Address{testkit.DevAddress, owner, successor}
	})
	proxy := h.behind(1)[0]
	var log testkit.Log
	h.cfg.Telemetry.LogOutput = &log
	old := h.run()
	sold := h.sell(5)
	contract := common.HexToAddress(h.anchored(sold, nil)[sold[0].SaleID].Contract)

	proxy.On("eth_sendRawTransaction", testkit.Swallow())
	signed := h.ask(signedCount)
	sold = append(sold, h.sell(5)...)
	testkit.Eventually(t, soon, "a batch is signed by the old key", func() error {
		if h.ask(signedCount) == signed {
			return errors.New("not yet")
		}
		return nil
	})
	rotated := h.cfg
	rotated.PrivateKey = newKey
	h.cfg = rotated
	h.start() // stands by

	h.send(ownerKey, &contract, 0, binding.NewSaleAnchor().PackSetAnchorer(successor))
	select {
	case err := <-old:
		require.True(t, fault.Is(err, fault.Fatal), "%v", err)
		require.ErrorContains(t, err, "Rotating the anchorer's key")
		require.Contains(t, log.String(), "ALARM")
	case <-time.After(soon):
		t.Fatal("the old anchor goes on")
	}
	proxy.Clear()
	sold = append(sold, h.sell(5)...)
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
	require.Equal(t, "2", h.ask(`SELECT count(DISTINCT sender)::text FROM anchor.tx_attempt
		WHERE batch_id = (SELECT max(batch_id) FROM anchor.tx_attempt WHERE sender = '\x`+common.Bytes2Hex(testkit.DevAddress[:])+`')`),
		"the batch in flight was signed again with the new key")

	h.cfg.PrivateKey = testkit.DevKey // a replica that was forgotten
	h.start()
	sold = append(sold, h.sell(5)...)
	h.verify(sold, h.anchored(sold, nil))
}

// One of two nodes is no majority: on its word the old anchor does not stop for good, but it makes room for the new one.
func TestTheAnchorersKeyIsRotatedWhileOneOfTwoNodesIsAway(t *testing.T) {
	t.Parallel()
	ownerKey := common.Bytes2Hex(crypto.Keccak256([]byte("owner")))
	owner, successor := addressOf(t, ownerKey), addressOf(t, newKey.Reveal())
	h := setup(t, func(c *anchor.Config) { c.Owner = owner.Hex() })
	h.chain = testkit.Chain(t, func(c *local.ChainConfig) {
		c.Period, c.Fund = 100*time.Millisecond, []common.Address{testkit.DevAddress, owner, successor}
	})
	away := h.behind(2)[1]
	old := h.run()
	sold := h.sell(5)
	contract := common.HexToAddress(h.anchored(sold, nil)[sold[0].SaleID].Contract)
	away.On("*", testkit.Lose())
	h.cfg.PrivateKey = newKey
	h.start() // stands by
	h.send(ownerKey, &contract, 0, binding.NewSaleAnchor().PackSetAnchorer(successor))
	sold = append(sold, h.sell(5)...)
	h.inEpoch(2)
	h.verify(sold, h.anchored(sold, nil))
	select {
	case err := <-old:
		t.Fatal("the old anchor has ended on the word of one node: ", err)
	default:
	}
}
