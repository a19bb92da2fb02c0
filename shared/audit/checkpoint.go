package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/sale"
)

// checkpointForm is the form of a Checkpoint, so that another can follow.
const checkpointForm = 1

// Checkpoint pins what an audit has seen, so that the next one can begin there: where each chain of records ended, and the log of batches. Whoever
// keeps it away from the shop can tell later that nothing of it was cut off.
type Checkpoint struct {
	Form   int           `json:"form"`
	At     time.Time     `json:"at"`
	Chains []PinnedChain `json:"chains"` // in the order of their names
	Logs   []PinnedLog   `json:"logs"`   // in the order of their deployments

	Closings []PinnedClosing `json:"closings"` // in the order of their terminals
}

// PinnedClosing is the last closing in a terminal's name.
type PinnedClosing struct {
	TerminalID string      `json:"terminal_id"`
	Number     uint64      `json:"number"`
	Hash       common.Hash `json:"hash"` // keccak256 of its body as it was stored
}

// PinnedChain is where a chain of records ended.
type PinnedChain struct {
	TerminalID string      `json:"terminal_id"` // with its series
	Number     uint64      `json:"number"`
	Hash       common.Hash `json:"hash"` // sale_hash of that record
}

// PinnedLog is a contract's log as the journal's batches came to it.
type PinnedLog struct {
	ChainID  string         `json:"chain_id"`
	Contract common.Address `json:"contract"`
	Size     uint64         `json:"size"`
	Root     common.Hash    `json:"root"`
}

// Check refuses what is no checkpoint.
func (c *Checkpoint) Check() error {
	if c.Form != checkpointForm || c.At.IsZero() {
		return fmt.Errorf("it is no checkpoint of an audit, of form %d", checkpointForm)
	}
	return nil
}

// pinned is where a chain ended at the checkpoint, nil for one that had not begun.
func (c *Checkpoint) pinned(name string) *PinnedChain {
	if c == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(c.Chains, name, func(p PinnedChain, name string) int {
		switch {
		case p.TerminalID < name:
			return -1
		case p.TerminalID > name:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &c.Chains[i]
}

// log is a contract's log at the checkpoint; its size is 0 for one that was not there.
func (c *Checkpoint) log(d *deployment) PinnedLog {
	if c != nil {
		for _, l := range c.Logs {
			if l.ChainID == d.chainID && l.Contract == d.contract {
				return l
			}
		}
	}
	return PinnedLog{}
}

// pin notes where a chain has ended. What an earlier audit saw and does not stand is pinned still: it is named until it does.
func (a *auditor) pin(c *chain) {
	pinned := PinnedChain{TerminalID: c.name, Number: c.number, Hash: c.hash}
	if c.gone != nil {
		pinned = *c.gone
	}
	a.checkpoint.Chains = append(a.checkpoint.Chains, pinned)
}

// resume requires that what an earlier audit saw of a chain still stands, and begins there where only what came since is checked.
func (a *auditor) resume(ctx context.Context, c *chain) error {
	p := a.pins().pinned(c.name)
	if p == nil {
		return nil
	}
	var hash string
	err := a.tx.QueryRow(ctx, recordHashSQL, c.name, int64(p.Number)).Scan(&hash)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		c.gone = p
		a.gone(Finding{TerminalID: c.name, Number: p.Number, Detail: "the record, which an earlier audit saw, is missing"})
	case err != nil:
		return failed("audit.sale", err)
	case bytesOf(hash) != p.Hash:
		c.gone = p
		a.gone(Finding{TerminalID: c.name, Number: p.Number, Detail: "the record is another than the one that an earlier audit saw"})
	}
	if a.Since != nil {
		c.number, c.hash = p.Number, p.Hash
	}
	return nil
}

func (a *auditor) gone(f Finding) {
	f.Kind = CheckpointGone
	a.found(f)
}

// chainsGone is about chains that an earlier audit saw and that are not there any more.
func (a *auditor) chainsGone(seen map[string]bool) {
	pins := a.pins()
	if pins == nil {
		return
	}
	for _, p := range pins.Chains {
		if !seen[p.TerminalID] && p.Number > 0 {
			a.checkpoint.Chains = append(a.checkpoint.Chains, p)
			a.gone(Finding{TerminalID: p.TerminalID, Number: p.Number, Detail: "the chain, which an earlier audit saw, has no record"})
		}
	}
}

// closingsStand requires that the last closings which an earlier audit saw are there, and pins the last ones of now.
func (a *auditor) closingsStand(all []stored) {
	last, there := make(map[string]*stored), make(map[PinnedClosing]bool)
	var wanted []PinnedClosing
	if pins := a.pins(); pins != nil {
		wanted = pins.Closings
	}
	of := make(map[string]uint64, len(wanted))
	for _, p := range wanted {
		of[p.TerminalID] = p.Number
	}
	for i := range all {
		c := &all[i]
		if l := last[c.name]; l == nil || l.number < c.number {
			last[c.name] = c
		}
		if of[c.name] == c.number {
			there[c.pin()] = true
		}
	}
	for _, p := range wanted {
		if !there[p] {
			a.checkpoint.Closings = append(a.checkpoint.Closings, p)
			delete(last, p.TerminalID)
			a.gone(Finding{TerminalID: p.TerminalID, Number: p.Number, Detail: "the closing, which an earlier audit saw, is missing or another one"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		a.checkpoint.Closings = append(a.checkpoint.Closings, last[name].pin())
	}
}

// pin is what a checkpoint says of a closing.
func (c *stored) pin() PinnedClosing {
	return PinnedClosing{TerminalID: c.name, Number: c.number, Hash: sale.Keccak(c.body)}
}

// logsGone is about contracts that an earlier audit saw and that the shop does not name any more.
func (a *auditor) logsGone() {
	pins := a.pins()
	if pins == nil {
		return
	}
	for _, p := range pins.Logs {
		if !slices.ContainsFunc(a.deployments, func(d *deployment) bool { return p.ChainID == d.chainID && p.Contract == d.contract }) {
			a.checkpoint.Logs = append(a.checkpoint.Logs, p)
			a.gone(Finding{
				BatchID: p.Size, Detail: fmt.Sprintf("contract %s on chain %s, which an earlier audit saw, is not among the shop's, or was retired", p.Contract, p.ChainID),
			})
		}
	}
}

// logStands requires that the batches which an earlier audit saw lead to the log that it saw, and pins what is final of the log of now.
func (a *auditor) logStands(ctx context.Context, d *deployment) error {
	p, n := a.pins().log(d), uint64(len(d.roots))
	gone := func(batch uint64, format string, values ...any) {
		a.checkpoint.Logs = append(a.checkpoint.Logs, p)
		a.gone(Finding{Deployment: d.id, BatchID: batch, Detail: fmt.Sprintf(format, values...)})
	}
	switch {
	case p.Size > n:
		gone(p.Size, "an earlier audit saw %d batches, and there are %d", p.Size, n)
		return nil
	case p.Size > 0 && d.roots[p.Size-1] != p.Root:
		gone(p.Size, "the batches up to it lead to another log than an earlier audit saw")
		return nil
	}
	if a.Chain != nil { // what is mined may still come to stand otherwise
		switch log, err := a.log(ctx, d); {
		case errors.Is(err, ErrOtherChain):
		case err != nil:
			return err
		default:
			n = max(p.Size, min(n, log.Size)) // a node that is behind unpins nothing
		}
	}
	if n > 0 {
		a.checkpoint.Logs = append(a.checkpoint.Logs, PinnedLog{ChainID: d.chainID, Contract: d.contract, Size: n, Root: d.roots[n-1]})
	}
	return nil
}
