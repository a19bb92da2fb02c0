package step_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
)

var (
	now      = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	limits   = step.Limits{BatchMax: 4, BatchAge: 30 * time.Second, BumpAfter: 90 * time.Second, ResendAfter: 15 * time.Second, LacksMax: time.Hour, OpenMax: 3}
	ours     = common.Hash{1}
	theirs   = common.Hash{2}
	tx       = common.Hash{3}
	block7   = step.Block{Number: 7, Hash: common.Hash{7}}
	ourKey   = common.Address{0xa}
	theirKey = common.Address{0xb}
	other7   = step.Block{Number: 7, Hash: common.Hash{77}}
)

func attempt(nonce uint64, signedAgo, sentAgo time.Duration) step.Attempt {
	a := step.Attempt{
		Hash: common.BigToHash(new(big.Int).SetUint64(nonce + 100)), Nonce: nonce, SignedAt: now.Add(-signedAgo), SentAt: now.Add(-sentAgo),
		Fee: fee.Fee{CapWei: big.NewInt(10), TipWei: big.NewInt(1)},
	}
	if sentAgo < 0 {
		a.SentAt = time.Time{} // not by this process
	}
	return a
}

// logOf is the root of the log of our first batches.
func logOf(size uint64) common.Hash { return common.BigToHash(new(big.Int).SetUint64(size)) }

func batch(id uint64, state event.BatchState, attempts ...step.Attempt) step.Batch {
	b := step.Batch{ID: id, Root: ours, Size: 3, LogRoot: logOf(id), State: state, Attempts: attempts}
	if state == event.BatchMined {
		b.Mined, b.MinedTx = block7, tx
	}
	return b
}

func TestNext(t *testing.T) {
	waiting := step.Waiting{Count: 1, Oldest: now.Add(-31 * time.Second)}
	fresh, old, unsent := attempt(5, time.Second, time.Second), attempt(5, 91*time.Second, 2*time.Second), attempt(5, time.Second, -1)
	stale, oldAndStale := attempt(5, 20*time.Second, 16*time.Second), attempt(5, 91*time.Second, 16*time.Second)
	sentAt := func(head uint64, a step.Attempt) step.Attempt {
		a.SentHead = head
		return a
	}
	view := func(next, nonce, finalized uint64, anchored map[uint64]step.Anchored) step.View {
		return step.View{Sure: true, Head: step.Block{Number: 9}, NextBatchID: next, LogRoot: logOf(next - 1), Nonce: nonce, Finalized: finalized, Anchored: anchored}
	}
	there := step.Anchored{TxHash: tx, Block: block7}
	unsure := func(v step.View) step.View {
		v.Sure = false
		return v
	}
	lacks := func(v step.View, ago time.Duration) step.View {
		v.LacksSince = now.Add(-ago)
		return v
	}
	past := func(v step.View, o step.Outcomes) step.View {
		v.Past = o
		return v
	}
	by := func(anchorer, sender common.Address, nonce uint64) step.View {
		return step.View{Sure: true, NextBatchID: 1, Anchorer: anchorer, Sender: sender, Nonce: nonce}
	}
	byOurs := attempt(5, time.Second, time.Second)
	byOurs.Sender = ourKey
	at := func(b step.Block) map[uint64]step.Anchored {
		return map[uint64]step.Anchored{1: {TxHash: tx, Block: b}}
	}
	another := func(v step.View) step.View {
		v.LogRoot = theirs
		return v
	}
	open := func(batches ...step.Batch) step.Journal {
		return step.Journal{LastID: uint64(len(batches)), Open: batches, Waiting: waiting}
	}
	for name, c := range map[string]struct {
		journal step.Journal
		view    step.View
		want    step.Step
		halts   string // in the reason
	}{
		"nothing to do": {step.Journal{}, view(1, 5, 0, nil), step.Wait{}, ""},
		"one leaf that is young": {
			step.Journal{Waiting: step.Waiting{Count: 3, Oldest: now.Add(-29 * time.Second)}}, view(1, 5, 0, nil), step.Wait{}, "",
		},
		"one leaf that is old":     {step.Journal{Waiting: waiting}, view(1, 5, 0, nil), step.Seal{}, ""},
		"as many as a batch holds": {step.Journal{Waiting: step.Waiting{Count: 4, Oldest: now}}, view(1, 5, 0, nil), step.Seal{}, ""},
		"sealed, never signed":     {open(batch(1, "sealed")), view(1, 5, 0, nil), step.Sign{Batch: batch(1, "sealed"), Nonce: 5}, ""},
		"signed, crashed, unsent":  {open(batch(1, "sealed", unsent)), view(1, 5, 0, nil), step.Send{Batch: batch(1, "sealed", unsent), Attempt: unsent}, ""},
		"sent a moment ago":        {open(batch(1, "broadcast", fresh)), view(1, 5, 0, nil), step.Wait{}, ""},
		"sent, perhaps forgotten":  {open(batch(1, "broadcast", stale)), view(1, 5, 0, nil), step.Send{Batch: batch(1, "broadcast", stale), Attempt: stale}, ""},
		"sent, too cheap": {
			open(batch(1, "broadcast", old)), view(1, 5, 0, nil),
			step.Sign{Batch: batch(1, "broadcast", old), Nonce: 5, Replaces: &old},
			"",
		},
		"too cheap, but the chain stands still": {
			open(batch(1, "broadcast", sentAt(8, old))), view(1, 5, 0, nil), step.Wait{}, "",
		},
		"too cheap, forgotten, and the chain stands still": {
			open(batch(1, "broadcast", sentAt(8, oldAndStale))), view(1, 5, 0, nil),
			step.Send{Batch: batch(1, "broadcast", sentAt(8, oldAndStale)), Attempt: sentAt(8, oldAndStale)},
			"",
		},
		"too cheap for two blocks": {
			open(batch(1, "broadcast", sentAt(7, old))), view(1, 5, 0, nil),
			step.Sign{Batch: batch(1, "broadcast", sentAt(7, old)), Nonce: 5, Replaces: new(sentAt(7, old))},
			"",
		},
		"our nonce went elsewhere":  {open(batch(1, "broadcast", fresh)), view(1, 6, 0, nil), step.Sign{Batch: batch(1, "broadcast", fresh), Nonce: 6}, ""},
		"a reorg took nonces below": {open(batch(1, "broadcast", fresh)), view(1, 4, 0, nil), step.Sign{Batch: batch(1, "broadcast", fresh), Nonce: 4}, ""},
		"our nonce went elsewhere, mined after all": {
			open(batch(1, "broadcast", fresh)), past(view(1, 6, 0, nil), step.Outcomes{Succeeded: true}), step.Doubt{}, "stale",
		},
		"failed at two nonces": {
			open(batch(1, "broadcast", fresh)),
			past(view(1, 6, 0, nil), step.Outcomes{Reverted: 2}),
			step.Sign{Batch: batch(1, "broadcast", fresh), Nonce: 6},
			"",
		},
		"failed at three nonces": {
			open(batch(1, "broadcast", fresh)), past(view(1, 6, 0, nil), step.Outcomes{Reverted: 3}), step.Halt{}, "failed at each",
		},
		"failed at three nonces, say too few nodes": {
			open(batch(1, "broadcast", fresh)), unsure(past(view(1, 6, 0, nil), step.Outcomes{Reverted: 3})), step.Doubt{}, "failed at each",
		},
		"in its block by another transaction": {
			open(batch(1, "mined")),
			view(2, 6, 7, map[uint64]step.Anchored{1: {TxHash: common.Hash{4}, Block: block7}}),
			step.Reorged{BatchIDs: []uint64{1}},
			"",
		},
		"mined":                    {open(batch(1, "broadcast", fresh)), view(2, 6, 0, at(block7)), step.Mined{BatchID: 1, TxHash: tx, Block: block7}, ""},
		"mined by an unseen hand":  {open(batch(1, "sealed")), view(2, 5, 0, at(block7)), step.Mined{BatchID: 1, TxHash: tx, Block: block7}, ""},
		"mined, the next may seal": {open(batch(1, "mined")), view(2, 6, 6, at(block7)), step.Seal{}, ""},
		"mined and final":          {open(batch(1, "mined")), view(2, 6, 7, at(block7)), step.Final{Batches: []step.Batch{batch(1, "mined")}}, ""},
		"moved to another block":   {open(batch(1, "mined")), view(2, 6, 0, at(other7)), step.Reorged{BatchIDs: []uint64{1}}, ""},
		"gone from the chain":      {open(batch(1, "mined")), view(1, 5, 0, nil), step.Reorged{BatchIDs: []uint64{1}}, ""},
		"gone, then sent again":    {open(batch(1, "reorged", stale)), view(1, 5, 0, nil), step.Send{Batch: batch(1, "reorged", stale), Attempt: stale}, ""},
		"the lower of two gone": {
			open(batch(1, "reorged", fresh), batch(2, "reorged", attempt(6, 0, 0))), view(1, 5, 0, nil), step.Wait{}, "",
		},
		"two mined, the newest vouches": {
			step.Journal{LastID: 2, Open: []step.Batch{batch(1, "mined"), batch(2, "mined")}, Waiting: waiting},
			view(3, 6, 0, map[uint64]step.Anchored{2: {TxHash: tx, Block: block7}}),
			step.Seal{},
			"",
		},
		"several final": {
			open(batch(1, "mined"), batch(2, "mined"), batch(3, "mined")),
			view(4, 6, 7, map[uint64]step.Anchored{1: there, 2: there}),
			step.Final{Batches: []step.Batch{batch(1, "mined"), batch(2, "mined")}},
			"",
		},
		"final, but a lower one was not read": {
			open(batch(1, "mined"), batch(2, "mined")), view(3, 6, 7, map[uint64]step.Anchored{2: there}), step.Seal{}, "",
		},
		"a reorg below the second of three": {
			open(batch(1, "mined"), batch(2, "mined"), batch(3, "mined")),
			view(4, 6, 7, map[uint64]step.Anchored{2: {TxHash: tx, Block: other7}}),
			step.Reorged{BatchIDs: []uint64{2, 3}},
			"",
		},
		"a reorg that took the last of three": {
			open(batch(1, "mined"), batch(2, "mined"), batch(3, "mined")), view(3, 5, 0, nil), step.Reorged{BatchIDs: []uint64{3}}, "",
		},
		"mined, to be read later": {open(batch(1, "reorged", fresh)), view(2, 6, 0, nil), step.Wait{}, ""},
		"as many open as may be": {
			open(batch(1, "mined"), batch(2, "mined"), batch(3, "mined")), view(4, 6, 0, map[uint64]step.Anchored{3: there}), step.Wait{}, "",
		},
		"final, say too few nodes":   {open(batch(1, "mined")), unsure(view(2, 6, 7, at(block7))), step.Seal{}, ""},
		"another batch in our place": {open(batch(1, "broadcast", fresh)), another(view(2, 6, 0, nil)), step.Halt{}, "A batch that is not ours"},
		"another batch in our place, say too few nodes": {
			open(batch(1, "broadcast", fresh)), unsure(another(view(2, 6, 0, nil))), step.Doubt{}, "another batch holds an id of ours",
		},
		"another batch after a reorg": {open(batch(1, "mined")), another(view(2, 6, 0, at(block7))), step.Halt{}, "A batch that is not ours"},
		"another batch below ours": {
			step.Journal{LastID: 3, Open: []step.Batch{batch(3, "mined")}},
			another(view(4, 6, 0, map[uint64]step.Anchored{3: there})),
			step.Halt{},
			"A batch that is not ours",
		},
		"another batch where all of ours are final": {
			step.Journal{LastID: 3, Waiting: waiting}, another(view(4, 6, 0, nil)), step.Halt{}, "A batch that is not ours",
		},
		"the log of what is final, the open one not mined": {
			step.Journal{LastID: 3, Open: []step.Batch{batch(3, "broadcast", fresh)}}, another(view(3, 5, 0, nil)), step.Halt{}, "A batch that is not ours",
		},
		"a journal older than the chain": {
			step.Journal{LastID: 1, Waiting: waiting},
			view(3, 5, 0, nil),
			step.Halt{},
			"somebody else has the anchorer's key",
		},
		"a chain without what is final": {step.Journal{LastID: 3, Waiting: waiting}, view(3, 5, 0, nil), step.Doubt{}, "fewer batches"},
		"a chain without what is final, one open": {
			step.Journal{LastID: 3, Open: []step.Batch{batch(3, "broadcast", fresh)}}, view(2, 5, 0, nil), step.Doubt{}, "fewer batches",
		},
		"a chain that has long been without what is final": {
			step.Journal{LastID: 3}, lacks(view(3, 5, 0, nil), time.Hour), step.Halt{}, "A contract that is lost",
		},
		"a chain that has been without what is final for a while": {
			step.Journal{LastID: 3}, lacks(view(3, 5, 0, nil), time.Hour-1), step.Doubt{}, "fewer batches",
		},
		"a chain that has long been without what is final, say too few nodes": {
			step.Journal{LastID: 3}, unsure(lacks(view(3, 5, 0, nil), time.Hour)), step.Doubt{}, "not most of the configured nodes agree",
		},
		"the key was rotated": {open(batch(1, "broadcast", fresh)), by(theirKey, ourKey, 5), step.Halt{}, "Rotating the anchorer's key"},
		"the new key, the old one's transaction under way": {
			open(batch(1, "broadcast", fresh)), by(ourKey, ourKey, 5), step.Sign{Batch: batch(1, "broadcast", fresh), Nonce: 5}, "",
		},
		"the new key's own transaction": {open(batch(1, "broadcast", fresh, byOurs)), by(ourKey, ourKey, 5), step.Wait{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.journal.FinalRoot = logOf(c.journal.LastID - uint64(len(c.journal.Open)))
			got := step.Next(c.journal, c.view, limits, now)
			if c.halts == "" {
				require.Equal(t, c.want, got)
				return
			}
			require.IsType(t, c.want, got)
			require.Contains(t, fmt.Sprint(got), c.halts)
		})
	}
}

func TestNextDeploy(t *testing.T) {
	unsent, fresh := attempt(5, time.Second, -1), attempt(5, time.Second, time.Second)
	mine := func(used bool, attempts ...step.Attempt) *step.Deployment {
		return &step.Deployment{ID: 1, Contract: common.Address{9}, Used: used, Nonce: 5, Attempts: attempts}
	}
	of := func(d *step.Deployment, deployer common.Address, final bool) *step.Deployment {
		d.Deployer, d.Final = deployer, final
		return d
	}
	may := step.DeployRules{MayDeploy: true}
	dev := step.DeployRules{MayDeploy: true, Development: true}
	moved := step.DeployRules{MayDeploy: true, OtherGenesis: true}
	movedReplay := step.DeployRules{OtherGenesis: true, Replay: true}
	for name, c := range map[string]struct {
		deployment *step.Deployment
		view       step.DeployView
		rules      step.DeployRules
		want       step.Step
		halts      string
	}{
		"none, allowed":              {nil, step.DeployView{Nonce: 5}, may, step.Deploy{Nonce: 5}, ""},
		"none, not allowed":          {nil, step.DeployView{}, step.DeployRules{}, nil, "ANCHOR_DEPLOY=true"},
		"none, all leaves asked for": {nil, step.DeployView{}, step.DeployRules{MayDeploy: true, Replay: true}, step.Deploy{Replay: true}, ""},
		"there":                      {mine(true), step.DeployView{Code: true, Matches: true}, may, step.Use{}, ""},
		"there, given":               {&step.Deployment{Given: true}, step.DeployView{Code: true, Matches: true}, step.DeployRules{}, step.Use{}, ""},
		"other code":                 {mine(true), step.DeployView{Code: true}, dev, nil, "not this build's"},
		"given, no code":             {&step.Deployment{Given: true}, step.DeployView{}, dev, nil, "no code at ANCHOR_CONTRACT"},
		"given, seen once, no code":  {&step.Deployment{ID: 2, Given: true}, step.DeployView{}, may, step.Doubt{}, "seen and is gone"},
		"given, final once, no code": {&step.Deployment{ID: 2, Given: true, Final: true}, step.DeployView{}, may, nil, "no code at ANCHOR_CONTRACT"},
		"journaled, crashed, unsent": {
			mine(false, unsent),
			step.DeployView{Nonce: 5},
			may,
			step.Send{Batch: step.Batch{Attempts: []step.Attempt{unsent}}, Attempt: unsent},
			"",
		},
		"sent":                           {mine(false, fresh), step.DeployView{Nonce: 5}, may, step.Wait{}, ""},
		"nonce went elsewhere":           {mine(false, fresh), step.DeployView{Nonce: 6}, may, step.Deploy{Nonce: 6}, ""},
		"nonce went elsewhere, not ours": {mine(false, fresh), step.DeployView{Nonce: 6}, step.DeployRules{}, nil, "failed"},
		"mined and failed": {
			mine(false, fresh), step.DeployView{Nonce: 6, Past: step.Outcomes{Reverted: 1}}, may, nil, "was mined and failed",
		},
		"mined, and no code": {
			mine(false, fresh), step.DeployView{Nonce: 6, Past: step.Outcomes{Succeeded: true}}, may, step.Doubt{}, "stale",
		},
		"gone":                             {mine(true, fresh), step.DeployView{Nonce: 6}, may, nil, "gone from the chain"},
		"taken by a reorg":                 {mine(true, fresh), step.DeployView{Nonce: 5}, may, step.Wait{}, ""},
		"gone after it was final":          {of(mine(true, fresh), common.Address{}, true), step.DeployView{Nonce: 5}, may, nil, "gone from the chain"},
		"signed by a key that was rotated": {of(mine(false, fresh), theirKey, false), step.DeployView{Nonce: 5, Sender: ourKey}, may, step.Deploy{Nonce: 5}, ""},
		"gone, development":                {mine(true, fresh), step.DeployView{Nonce: 0}, dev, step.Deploy{Nonce: 0, Replay: true}, ""},
		"gone, say too few nodes":          {mine(true, fresh), step.DeployView{Nonce: 6}, may, nil, "gone from the chain"},
		"a stale node":                     {of(mine(true, fresh), ourKey, true), step.DeployView{Nonce: 4, Sender: ourKey}, may, step.Doubt{}, "still syncing"},
		"a stale node, never mined":        {of(mine(false, fresh), ourKey, false), step.DeployView{Nonce: 4, Sender: ourKey}, may, step.Doubt{}, "still syncing"},
		"given, another chain, same id":    {&step.Deployment{Given: true}, step.DeployView{Code: true, Matches: true}, moved, nil, "ANCHOR_REPLAY=true"},
		"given, chain recreated, replayed": {&step.Deployment{Given: true}, step.DeployView{Code: true, Matches: true}, movedReplay, step.Use{}, ""},
		"given, journaled, replay is over": {&step.Deployment{ID: 2, Given: true}, step.DeployView{Code: true, Matches: true}, moved, step.Use{}, ""},
		"another chain, same id":           {nil, step.DeployView{}, moved, nil, "another genesis"},
		"development chain recreated": {
			nil, step.DeployView{Nonce: 0}, step.DeployRules{MayDeploy: true, Development: true, OtherGenesis: true}, step.Deploy{Replay: true}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.view.Sure = !strings.Contains(name, "too few nodes")
			got := step.NextDeploy(c.deployment, c.view, c.rules, limits, now)
			if c.halts == "" {
				require.Equal(t, c.want, got)
				return
			}
			switch {
			case !c.view.Sure:
				require.IsType(t, step.Doubt{}, got)
			case c.want != nil:
				require.IsType(t, c.want, got)
			default:
				require.IsType(t, step.Halt{}, got)
			}
			require.Contains(t, fmt.Sprint(got), c.halts)
		})
	}
}

func TestWhatIsFinalIsLackingFromTheFirstLookThatLacksItToTheFirstThatDoesNot(t *testing.T) {
	lacking, since := step.Doubt{Lacks: true}, now.Add(-time.Minute)
	require.Equal(t, now, step.LacksSince(time.Time{}, lacking, now))
	require.Equal(t, since, step.LacksSince(since, lacking, now))
	require.Zero(t, step.LacksSince(since, step.Doubt{}, now))
	require.Zero(t, step.LacksSince(since, step.Wait{}, now))
}
