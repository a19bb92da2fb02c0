package engine_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

// ask sends an operator's request and reads its answer.
func (s *shop) ask(subject, request string, answer any) {
	s.t.Helper()
	conn := s.operator()
	defer conn.Close()
	var msg *nats.Msg
	var err error
	testkit.Eventually(s.t, soon, subject+" is answered", func() error { // tills are served before every service is up
		msg, err = conn.Request(subject, []byte(request), askLimit)
		return err
	})
	require.NoError(s.t, json.Unmarshal(msg.Data, answer), "%s", msg.Header)
}

func TestASaleInACurrencyWithoutARateIsParkedAndAnchoredOnceThereIsOne(t *testing.T) {
	cfg := directory(t)
	cfg.Environ = append(cfg.Environ, "RATE_STATIC=INR=254321.17")
	poor := open(t, cfg)
	parked := poor.record(uuid.NewString(), `{"currency":"EUR","total":"12.50","customer_id":"C-1001"}`)
	poor.requireAnchored(poor.sell(1)[0]) // nothing blocks behind it
	var list struct {
		Parked []struct {
			SaleID string `json:"sale_id"`
			Reason string
		}
	}
	testkit.Eventually(t, soon, "the sale is parked", func() error {
		if poor.ask("ops.ledger.parked.list", `{"currency":"EUR"}`, &list); len(list.Parked) != 1 {
			return fmt.Errorf("%v", list)
		}
		return nil
	})
	require.Equal(t, parked.saleID, list.Parked[0].SaleID)
	require.Equal(t, "no tier has a rate for EUR", list.Parked[0].Reason)
	poor.requireForgeriesParked(cfg.Dir)
	require.NoError(t, poor.e.Close(t.Context()))

	cfg.Environ = append(cfg.Environ, "RATE_STATIC=INR=254321.17,EUR=2801.40")
	rich := open(t, cfg)
	var done struct{ Replayed int }
	rich.ask("ops.ledger.parked.replay", `{"sale_id":"`+parked.saleID+`"}`, &done)
	require.Equal(t, 1, done.Replayed)
	proof := rich.requireAnchored(parked)
	require.Contains(t, string(proof), `"currency":"EUR"`)
	require.Contains(t, string(proof), `"value":"2801.40"`)
	rich.requireReplayed(parked)
}
