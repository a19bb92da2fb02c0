package testkit

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Settled waits until a durable has acknowledged or parked every message of its stream. It compares sequences: a durable's counts lag behind
// what its stream has acknowledged to the publisher.
func Settled(t testing.TB, within time.Duration, js jetstream.JetStream, stream, durable string) {
	t.Helper()
	Eventually(t, within, durable+" has acknowledged all of "+stream, func() error {
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			return err
		}
		c, err := s.Consumer(t.Context(), durable)
		if err != nil {
			return err
		}
		last, floor := s.CachedInfo().State.LastSeq, c.CachedInfo().AckFloor.Stream
		if floor < last {
			return fmt.Errorf("acknowledged up to %d of %d", floor, last)
		}
		return nil
	})
}
