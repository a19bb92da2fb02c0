package journal

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAPostgresThatDoesNotAnswerIsGivenUp(t *testing.T) {
	db := testkit.Database(t)
	j, err := Open(t.Context(), config.Secret(db.Anchor))
	require.NoError(t, err)
	defer j.Close()
	j.limit = 100 * time.Millisecond
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), `LOCK TABLE anchor.deployment, anchor.batch, anchor.batch_event, anchor.leaf, anchor.rate, anchor.tx_attempt,
		anchor.announced, anchor.lease`)
	require.NoError(t, err)

	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Holds":          func() error { _, err := j.Holds(ctx, 1); return err },
		"Unannounced":    func() error { _, err := j.Unannounced(ctx, 1, event.BatchFinal, 0); return err },
		"AnnouncedFloor": func() error { _, err := j.AnnouncedFloor(ctx, 1, event.BatchFinal); return err },
		"Stands":         func() error { _, err := j.Stands(ctx, event.Batch{}); return err },
		"MarkAnnounced":  func() error { return j.MarkAnnounced(ctx, 1, 1, AnnouncedBatch) },
		"State":          func() error { _, _, err := j.State(ctx, Scope{}, 1); return err },
		"Current":        func() error { _, err := j.Current(ctx, common.Address{}); return err },
		"StartFloor":     func() error { _, err := j.StartFloor(ctx, Scope{}, time.Second); return err },
		"OldestLeaf":     func() error { _, err := j.OldestLeaf(ctx, 1, 1); return err },
		"Seal":           func() error { _, err := j.Seal(ctx, Scope{}, 1, 1); return err },
		"Record":         func() error { return j.Record(ctx, Scope{}, Move{}) },
		"Raw":            func() error { _, err := j.Raw(ctx, common.Hash{}); return err },
		"Contracts":      func() error { _, _, err := j.Contracts(ctx, big.NewInt(1)); return err },
		"Page":           func() error { _, err := j.Page(ctx, 1, 1, 1); return err },
		"Attempts":       func() error { _, err := j.Attempts(ctx, 1, 1); return err },
		"Newest":         func() error { _, err := j.Newest(ctx); return err },
		"At":             func() error { _, _, err := j.At(ctx, 1); return err },
		"BatchLeaves":    func() error { _, err := j.BatchLeaves(ctx, 1, 1); return err },
		"AddContract":    func() error { _, err := j.AddContract(ctx, 1, big.NewInt(1), Contract{}, nil, 0); return err },
		"KeepAttempt": func() error {
			_, err := j.KeepAttempt(ctx, Scope{}, Signed{Fee: fee.Fee{CapWei: big.NewInt(1), TipWei: big.NewInt(1)}})
			return err
		},
		"AddLeaves": func() error {
			_, err := j.AddLeaves(ctx, []Leaf{{SaleID: uuid.New(), AmountWei: big.NewInt(1), Rate: &event.Rate{Value: "1"}}})
			return err
		},
	} {
		err := call()
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		require.True(t, fault.Is(err, fault.Transient), "%s: %v", name, err)
	}
}
