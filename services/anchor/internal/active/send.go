package active

import (
	"context"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/crash"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

const deployGas = 6_000_000 // 695,000, and 4.65 million by EIP-8037; what is not used is not paid

// sendings are the attempts that were sent under this lease, by hash. Attempts from an earlier lease are sent again at once: that does
// no harm, and its holder may have died before it sent them.
type sendings map[common.Hash]sending

// sending is when an attempt was sent last, and how high the chain was when it was sent first.
type sending struct {
	at   time.Time
	head uint64
}

// note records that an attempt is sent now.
func (s sendings) note(hash common.Hash, head uint64) {
	if first, again := s[hash]; again {
		head = first.head
	}
	s[hash] = sending{at: time.Now(), head: head}
}

// remember fills in when attempts were sent, by the journal's clock.
func (s sendings) remember(attempts []step.Attempt, now time.Time) {
	for i := range attempts {
		if sent, ok := s[attempts[i].Hash]; ok {
			attempts[i].SentAt, attempts[i].SentHead = now.Add(-time.Since(sent.at)), sent.head
		}
	}
}

// lower corrects the height from which an attempt counts as passed over: after a head that one node made up, or that a reorg took, its
// fee would never be raised.
func (s sendings) lower(head uint64) {
	for hash, sent := range s {
		if head < sent.head {
			sent.head = head
			s[hash] = sent
		}
	}
}

// sign makes a transaction's signed bytes; to is nil for a deploy.
func (t *tenure) sign(ctx context.Context, batchID, nonce uint64, f fee.Fee, gas uint64, to *common.Address, data []byte) (journal.Signed, error) {
	tx, err := t.anchor.Signer.Sign(ctx, &types.DynamicFeeTx{
		Nonce: nonce, GasFeeCap: f.CapWei, GasTipCap: f.TipWei, Gas: gas, To: to, Value: new(big.Int), Data: data,
	}, t.id.ChainID)
	if err != nil {
		return journal.Signed{}, err
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		return journal.Signed{}, fault.New(fault.Fatal, "encode a signed transaction: %w", err)
	}
	return journal.Signed{BatchID: batchID, Sender: t.anchor.Signer.Address(), Hash: tx.Hash(), Nonce: nonce, Raw: raw, Fee: f}, nil
}

// signAndSend makes a new attempt: it journals the signed bytes, then sends them, and returns their hash. Where the attempt would
// replace another but its fee cannot be changed, the old one is sent again unchanged, and there is no new hash.
func (t *tenure) signAndSend(ctx context.Context, s step.Sign, sight chain.Sight, to *common.Address, data []byte) (common.Hash, error) {
	gas := gasLimit(s.Batch.ID)
	f, why := t.offer(s.Replaces, sight, gas)
	if why != "" {
		return common.Hash{}, t.insist(ctx, s, sight, why)
	}
	signed, err := t.sign(ctx, s.Batch.ID, s.Nonce, f, gas, to, data)
	if err != nil {
		return common.Hash{}, err
	}
	if _, err := t.anchor.Journal.KeepAttempt(ctx, t.scope, signed); err != nil {
		return common.Hash{}, err
	}
	crash.At("transaction signed, not sent")
	return signed.Hash, t.send(ctx, signed.Hash, sight)
}

// offer is the fee of an attempt with a gas limit: a first one, or one that replaces another. A node accepts a transaction only from
// an account that holds its gas limit times its cap, so a fee that the account can't pay is lowered as soon as the chain accepts less:
// whichever attempt is mined, they share one nonce and one batch. Where no fee helps, why is the reason.
func (t *tenure) offer(replaces *step.Attempt, sight chain.Sight, gas uint64) (f fee.Fee, why string) {
	ceiling, payable := t.anchor.ceiling(), fee.Payable(sight.BalanceWei, gas)
	if replaces == nil {
		return fee.FirstWithin(sight.BaseFeeWei, sight.TipWei, ceiling, payable), ""
	}
	why = "the fee is at its ceiling"
	if payable.Cmp(ceiling) < 0 {
		ceiling, why = payable, "the account can't pay another fee"
	}
	reprice := fee.Bump
	if replaces.Fee.CapWei.Cmp(payable) > 0 {
		reprice = fee.Lower
	}
	f, room := reprice(replaces.Fee, sight.BaseFeeWei, sight.TipWei, ceiling)
	if room {
		why = ""
	}
	return f, why
}

// insist sends an attempt whose fee can't be changed again, as often as one that is not due for a higher fee.
func (t *tenure) insist(ctx context.Context, s step.Sign, sight chain.Sight, why string) error {
	if time.Since(t.sent[s.Replaces.Hash].at) < t.anchor.Set.Limits.ResendAfter {
		return nil
	}
	t.anchor.Log.Warn("sending the transaction again unchanged", "batch_id", s.Batch.ID, "reason", why)
	return t.send(ctx, s.Replaces.Hash, sight)
}

// send broadcasts journaled bytes. The next check sees whether they arrived; the nodes' errors are hints.
func (t *tenure) send(ctx context.Context, hash common.Hash, sight chain.Sight) error {
	raw, err := t.anchor.Journal.Raw(ctx, hash)
	if err != nil {
		return err
	}
	t.sent.note(hash, sight.Head.Number)
	err = t.anchor.Chain.Broadcast(ctx, raw)
	crash.At("transaction sent")
	if fault.Is(err, fault.Fatal) {
		return err
	}
	if err != nil {
		t.anchor.Log.Info("no node accepted the transaction; the chain will show why", "tx_hash", hash.Hex(), "hint", err)
	}
	return nil
}
