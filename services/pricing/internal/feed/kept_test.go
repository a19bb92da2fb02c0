package feed_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestARestartAndEveryReplicaHaveTheLastGoodPrice(t *testing.T) {
	e := setup(t)
	e.poll()
	e.market.Fail(feedtest.Status(http.StatusBadGateway, ""))
	board, other := e.replica("coingecko")
	require.NoError(t, other.Refresh(t.Context()))
	tier, value := e.priceOn(board)
	require.Equal(t, quote.Cached, tier)
	require.Equal(t, "254321.17", value)
	for _, key := range []string{"INR", "INR.agreed"} {
		history, err := e.store.Bucket.History(t.Context(), key)
		require.NoError(t, err)
		require.Len(t, history, 1)
		require.Contains(t, string(history[0].Value()), `"value":"254321.17"`)
	}
}

func TestWhatIsInTheBucketAndNoRateHarmsNobody(t *testing.T) {
	e := setup(t)
	for _, value := range []string{"tea", `{}`, `{"value":"1","currency":"USD","tier":"live"}`, `{"value":"NaN","currency":"INR","tier":"live"}`} {
		_, err := e.store.Bucket.Put(t.Context(), "INR", []byte(value))
		require.NoError(t, err)
		board, other := e.replica()
		require.NoError(t, other.Refresh(t.Context()))
		tier, _ := e.priceOn(board)
		require.Empty(t, tier, value)
	}
	require.Contains(t, e.log.String(), "the bucket of last good rates is unavailable")
}

func TestABucketThatIsGoneIsMadeAgain(t *testing.T) {
	e := setup(t)
	e.poll()
	require.NoError(t, e.js.DeleteKeyValue(t.Context(), stream.BucketRates))
	e.poll()
	_, other := e.replica("wazirx")
	require.NoError(t, other.Refresh(t.Context()))
	for _, key := range []string{"INR", "INR.agreed"} {
		_, err := e.store.Bucket.Get(t.Context(), key)
		require.NoError(t, err)
	}
	e.poll()
	require.Equal(t, 1, strings.Count(e.log.String(), "rates is unavailable"), e.log.String())
	require.Equal(t, 1, strings.Count(e.log.String(), "rates is available again\" to=read"), e.log.String())
}

func TestABucketThatStaysAwayIsToldOnce(t *testing.T) {
	e := setup(t)
	e.store.Recreate = func(context.Context) error { return errors.New("no room") }
	e.board, e.poller = e.replica(feedtest.Sources...)
	require.NoError(t, e.js.DeleteKeyValue(t.Context(), stream.BucketRates))
	for range 3 {
		e.poll()
		e.requirePrice(quote.Live, "254321.17")
	}
	require.Equal(t, 1, strings.Count(e.log.String(), "rates is unavailable\" to=read"))
	require.Equal(t, 1, strings.Count(e.log.String(), "rates is unavailable\" to=keep"))
	require.Contains(t, e.log.String(), "no room")
}
