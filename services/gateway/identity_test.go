package gateway_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

func TestRedisSaysNothingOfSalesThatARestoreHasLost(t *testing.T) {
	s := setup(t)
	key := uuid.NewString()
	first := s.till.do(http.MethodPost, "/record", tea, "Idempotency-Key", key)
	require.Equal(t, 201, first.Status)
	require.NoError(t, s.gates[0].stop())

	s.db = testkit.Database(t) // what was restored has not got the sale; Redis still has its answer
	s.gates = nil
	s.addGateway()
	s.till = s.newTill("s1", "t1")
	again := s.till.do(http.MethodPost, "/record", tea, "Idempotency-Key", key)
	require.Equal(t, 201, again.Status)
	require.NotEqual(t, string(first.Body), string(again.Body), "the sale is recorded anew")
	require.Empty(t, again.Header.Get("Idempotency-Replayed"))
}
