package journal

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/postgres"
)

// Lease is the right to act: the lead among anchors, and an epoch that every write names, so that an anchor that lost the lead without
// noticing writes nothing.
type Lease struct {
	*postgres.Lead

	Epoch int64
}

// Acquire takes the lease if nobody holds it; otherwise it is a Conflict.
func (j *Journal) Acquire(ctx context.Context) (*Lease, error) {
	lead, err := postgres.TakeLead(ctx, j.pool, "lease", tryActingSQL)
	if err != nil {
		return nil, err
	}
	lease := &Lease{Lead: lead}
	ctx, cancel := context.WithTimeout(ctx, leaseLimit) // one that stalls keeps the others from the lock
	defer cancel()
	holder, _ := os.Hostname() // for people only
	if err := lead.Session.QueryRow(ctx, takeLeaseSQL, pgx.NamedArgs{"holder": holder}).Scan(&lease.Epoch); err != nil {
		lease.Release(ctx)
		return nil, postgres.Fault("take the lease", err)
	}
	return lease, nil
}

// Holds reports whether an epoch is still the newest: nobody else has taken the lease since.
func (j *Journal) Holds(ctx context.Context, epoch int64) (held bool, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.pool.QueryRow(ctx, holdsLeaseSQL, pgx.NamedArgs{"epoch": epoch}).Scan(&held)
	return held, postgres.Fault("check the lease", err)
}
