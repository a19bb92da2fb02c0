package stream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// delivery is a message as the durable delivers it.
type delivery struct {
	jetstream.Msg

	seq, times uint64
}

func (d delivery) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Stream: d.seq}, NumDelivered: d.times}, nil
}

func TestASecondCopyIsNotWorkedOnWhileOrAfterTheFirstIs(t *testing.T) {
	h := newHeld(1)
	take := func(seq, times uint64) [2]bool {
		mine, done := h.take(delivery{seq: seq, times: times})
		return [2]bool{mine, done}
	}
	mine, held, before := [2]bool{true, false}, [2]bool{false, false}, [2]bool{false, true}
	require.Equal(t, mine, take(7, 1))
	require.Equal(t, held, take(7, 2))
	h.drop(delivery{seq: 7}, true)
	require.Equal(t, before, take(7, 3))
	require.Equal(t, mine, take(7, 1), "another message, in a recreated stream")
	h.drop(delivery{seq: 7}, false)

	require.Equal(t, mine, take(8, 1))
	h.drop(delivery{seq: 8}, false)
	require.Equal(t, mine, take(8, 2), "it was given back")
	for seq := uint64(100); seq < 100+2*inFlight; seq++ {
		require.Equal(t, mine, take(seq, 1))
		h.drop(delivery{seq: seq}, true)
	}
	require.Equal(t, mine, take(7, 4), "too long ago to be known")
	require.Len(t, h.was, 2*inFlight)
}

func TestOnlyWhatIsHeldForAWhileIsSpokenOf(t *testing.T) {
	h := newHeld(1)
	h.take(delivery{seq: 1, times: 1})
	require.Empty(t, h.longer(time.Now()))
	require.Len(t, h.longer(time.Now().Add(inProgress)), 1)
	h.drop(delivery{seq: 1}, true)
	require.Empty(t, h.longer(time.Now().Add(inProgress)))
}
