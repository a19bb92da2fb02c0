package read

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

func TestBatchesOfAnothersMakingAreInTheLogAndFlagged(t *testing.T) {
	d := newJournal(t).deploy(first).sealed(final, final, final, event.BatchBroadcast, sealed, sealed)
	held := d.contains(3, 2).seen(3)
	everything := func() {
		t.Helper()
		d.answers(head(""), held.head(5, false))
		for size := 1; size <= 5; size++ {
			d.answers(head(strconv.Itoa(size)), held.head(size, size <= 3))
			for id := 1; id <= size; id++ { // earlier proofs keep a path, in a log that has batches of another's
				d.answers(entry(strconv.Itoa(id), strconv.Itoa(size)), held.entry(id, size, id > 3, size <= 3))
			}
		}
		d.refuses(head("6"), fault.Invalid)
		d.refuses(entry("6", ""), fault.Conflict) // the journal's own, which the contract does not have
		d.refuses(entry("7", ""), fault.Invalid)
	}
	everything()
	require.NotEqual(t, d.entry(4, 4, false, false), held.entry(4, 4, true, false))

	held = d.contains(3, 2).seen(3) // a reorg replaced them: the last row of each counts
	everything()

	d.write(`INSERT INTO anchor.sighting (deployment) VALUES ($1)`, d.id) // all is as the states tell
	d.answers(head(""), d.head(3, false))
	d.answers(head("3"), d.head(3, true))
	d.answers(entry("2", ""), d.entry(2, 3, false, false))
	d.refuses(entry("3", "4"), fault.Invalid)
	d.refuses(head("4"), fault.Invalid)
	d.refuses(entry("4", ""), fault.Conflict)
	d.moved(4, mined)
	d.answers(entry("4", ""), d.entry(4, 4, false, false))
}

func TestALogThatIsSeenShorterThanTheStatesTell(t *testing.T) {
	d := newJournal(t).deploy(first).sealed(final, mined, mined)
	d.contains(2, 0).seen(2)
	d.answers(head(""), d.head(2, false))
	d.answers(entry("2", "2"), d.entry(2, 2, false, false))
	d.refuses(entry("3", ""), fault.Conflict)
	d.contains(0, 0).seen(0)
	d.answers(head(""), d.head(0, false))
	d.refuses(entry("1", ""), fault.Conflict)
	d.contains(0, 1).seen(0)
	got, err := d.reader.Log(t.Context(), entry("1", "1"))
	require.NoError(t, err)
	require.True(t, got.Batch.Foreign)
	require.False(t, got.Fixed, "another's batch is no final one of ours")
}

func TestALogThatIsSeenLongerThanTheStatesTell(t *testing.T) {
	d := newJournal(t).deploy(first).sealed(final, event.BatchBroadcast)
	held := d.contains(2, 1).seen(2) // the second batch is on the chain, and the anchor had no time to journal it before the stranger's
	d.answers(entry("2", ""), held.entry(2, 3, false, false))
	d.answers(entry("2", "2"), held.entry(2, 2, false, false))
	d.answers(entry("3", ""), held.entry(3, 3, true, false))
}

// Whoever can write to the tables behind the services' backs gets no answer for it.
func TestALogOfChangedRowsIsRefused(t *testing.T) {
	flip := func(node int) string { return fmt.Sprintf(`set_byte(nodes, %d, get_byte(nodes, %[1]d) # 1)`, 32*node) }
	for what, c := range map[string]struct {
		change   string
		q        event.LogQuery
		nearMiss event.LogQuery // which the change does not concern
	}{
		"the peaks":          {`UPDATE anchor.log SET nodes = ` + flip(1) + ` WHERE batch_id = 3`, entry("1", "3"), entry("1", "2")},
		"the head's peaks":   {`UPDATE anchor.log SET nodes = ` + flip(1) + ` WHERE batch_id = 3`, head("3"), head("2")},
		"a node on the way":  {`UPDATE anchor.log SET nodes = ` + flip(0) + ` WHERE batch_id = 2`, entry("1", "3"), entry("3", "3")},
		"too short a row":    {`UPDATE anchor.log SET nodes = substr(nodes, 33) WHERE batch_id = 2`, entry("1", "3"), entry("3", "3")},
		"a root":             {`UPDATE anchor.log SET root = sha256('tea') WHERE batch_id = 3`, entry("1", "3"), entry("1", "2")},
		"the head's root":    {`UPDATE anchor.log SET root = sha256('tea') WHERE batch_id = 3`, head("3"), head("4")},
		"a row removed":      {`DELETE FROM anchor.log WHERE batch_id = 2`, entry("1", "3"), entry("3", "3")},
		"the last removed":   {`DELETE FROM anchor.log WHERE batch_id = 3`, head("3"), head("2")},
		"a batch's root":     {`UPDATE anchor.batch SET root = sha256('tea') WHERE batch_id = 2`, entry("2", "3"), entry("1", "3")},
		"the last one's":     {`UPDATE anchor.batch SET root = sha256('tea') WHERE batch_id = 3`, head("3"), head("2")},
		"a batch's size":     {`UPDATE anchor.batch SET size = size + 1 WHERE batch_id = 2`, entry("2", "3"), entry("1", "3")},
		"another's root":     {`UPDATE anchor.foreign_batch SET root = sha256('tea') WHERE batch_id = 4`, entry("4", "5"), entry("3", "5")},
		"another's size":     {`UPDATE anchor.foreign_batch SET size = 1 WHERE batch_id = 4`, entry("4", "4"), entry("3", "4")},
		"too large a size":   {`UPDATE anchor.foreign_batch SET size = size + 4294967296 WHERE batch_id = 4`, entry("4", "4"), entry("3", "4")},
		"another's log root": {`UPDATE anchor.foreign_batch SET log_root = sha256('tea') WHERE batch_id = 5`, entry("1", "5"), entry("1", "4")},
		"another's nodes":    {`UPDATE anchor.foreign_batch SET nodes = ` + flip(1) + ` WHERE batch_id = 5`, entry("1", "5"), entry("1", "4")},
		"another's, removed": {`DELETE FROM anchor.foreign_batch WHERE batch_id = 5`, head(""), head("4")},
		"one on the way":     {`UPDATE anchor.foreign_batch SET nodes = ` + flip(1) + ` WHERE batch_id = 4`, entry("1", "5"), entry("5", "5")},
	} {
		t.Run(what, func(t *testing.T) {
			d := newJournal(t).deploy(first).sealed(final, final, final)
			d.contains(3, 2).seen(3)
			before, err := d.reader.Log(t.Context(), c.nearMiss)
			require.NoError(t, err)
			_, err = d.reader.Log(t.Context(), c.q)
			require.NoError(t, err)
			d.alter(c.change)
			d.refuses(c.q, fault.Fatal)
			d.answers(c.nearMiss, before)
		})
	}
}

// What belongs together is never read of two moments: another's batches may be replaced at any time.
func TestALogIsReadAsOfOneMoment(t *testing.T) {
	d := newJournal(t).deploy(first).sealed(final)
	d.contains(1, 6).seen(1)
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				failed <- nil
				return
			default:
			}
			if _, err := d.reader.Log(context.WithoutCancel(t.Context()), entry("4", "")); err != nil {
				failed <- err
				return
			}
		}
	}()
	for n := range 100 {
		d.write(`BEGIN`)
		d.contains(1, 6-n%2).seen(1)
		d.write(`COMMIT`)
	}
	close(stop)
	require.NoError(t, <-failed)
}
