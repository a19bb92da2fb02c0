package bench

import (
	"context"
	_ "embed" // the statement
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/wait"
)

// leaves knows when each leaf was first seen in the journal.
type leaves struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu   sync.Mutex
	at   map[string]time.Time // by sale id
	grew chan struct{}        // closed when at has changed
	err  error
}

// watchLeaves reads the journal every readEvery until stop.
func (r *rig) watchLeaves(ctx context.Context) (*leaves, error) {
	conn, err := pgx.Connect(ctx, r.postgres.AdminURL(dbEngine))
	if err != nil {
		return nil, fmt.Errorf("connect to the measurement's Postgres: %w", err)
	}
	watching, cancel := context.WithCancel(ctx)
	l := &leaves{cancel: cancel, at: make(map[string]time.Time), grew: make(chan struct{})}
	l.done.Go(func() {
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it read only
		for last := int64(0); watching.Err() == nil; wait.Pause(watching, readEvery) {
			var err error
			if last, err = l.read(watching, conn, last); err != nil && watching.Err() == nil {
				l.mu.Lock()
				l.err = fmt.Errorf("read leaves: %w", err)
				l.mu.Unlock()
				return
			}
		}
	})
	return l, nil
}

//go:embed sql/leaves.sql
var leavesSQL string

// read takes in the leaves after the last seq. The anchor journals one group after the other, so none appears below that seq later.
func (l *leaves) read(ctx context.Context, conn *pgx.Conn, last int64) (int64, error) {
	rows, err := conn.Query(ctx, leavesSQL, last)
	if err != nil {
		return last, err
	}
	var ids []string
	var id string
	_, err = pgx.ForEachRow(rows, []any{&last, &id}, func() error { ids = append(ids, id); return nil })
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.at[id] = now
	}
	if len(ids) > 0 {
		close(l.grew)
		l.grew = make(chan struct{})
	}
	return last, err
}

// times is how long each sale took to its leaf, and how many have none a minute later.
func (l *leaves) times(ctx context.Context, sold []recorded) (took []time.Duration, missing int64) {
	ctx, cancel := context.WithTimeout(ctx, leavesWait)
	defer cancel()
	for _, sale := range sold {
		at, ok := l.await(ctx, sale.id)
		if !ok {
			missing++
			continue
		}
		took = append(took, max(at.Sub(sale.at), 0))
	}
	return took, missing
}

func (l *leaves) await(ctx context.Context, id string) (time.Time, bool) {
	for {
		l.mu.Lock()
		at, ok := l.at[id]
		grew := l.grew
		l.mu.Unlock()
		if ok {
			return at, true
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return time.Time{}, false
		}
	}
}

func (l *leaves) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err)
}

func (l *leaves) stop() {
	l.cancel()
	l.done.Wait()
}
