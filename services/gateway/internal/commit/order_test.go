package commit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

func TestWhatMissedAnEarlierRecordOfItsBatchComesAgain(t *testing.T) {
	refused := func(code refusal.Code) Outcome { return Outcome{Refused: refusal.New(code, "")} }
	inFlight := Outcome{Refused: refusal.Later(refusal.InFlight, retryAfter, "")}
	step := []Outcome{
		refused(refusal.NotFound), inFlight, refused(refusal.NotFound), refused(refusal.FewPoints), refused(refusal.InvalidRecord), {Kept: &record.Kept{}},
	}
	require.True(t, keepOrder(step, false))
	require.Equal(t, refusal.NotFound, step[0].Refused.Code, "nothing before it was missing")
	require.Equal(t, errEarlierFirst, step[2].Refused)
	require.Equal(t, errEarlierFirst, step[3].Refused)
	require.Equal(t, refusal.InvalidRecord, step[4].Refused.Code)
	require.NotNil(t, step[5].Kept)
	next := []Outcome{refused(refusal.NotFound), refused(refusal.TotalsMismatch)}
	require.True(t, keepOrder(next, true), "it stays missing in the steps that follow")
	require.Equal(t, errEarlierFirst, next[0].Refused)
	require.Equal(t, errEarlierFirst, next[1].Refused)
}

func TestOneKeyInFlightDoesNotEndABatchAndAFullGatewayDoes(t *testing.T) {
	require.Nil(t, cannotNow([]Outcome{
		{Kept: &record.Kept{}},
		{Refused: refusal.Later(refusal.InFlight, retryAfter, "")},
		{Refused: refusal.New(refusal.NotFound, "")},
	}))
	require.Equal(t, errOverloaded, cannotNow([]Outcome{{}, {Refused: errOverloaded}}))
	require.Equal(t, errEarlierFirst, cannotNow([]Outcome{{Refused: refusal.Later(refusal.CommitUnknown, retryAfter, "")}}))
}
