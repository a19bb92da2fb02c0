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
	keepOrder(step)
	require.Equal(t, refusal.NotFound, step[0].Refused.Code, "nothing before it was missing")
	require.Equal(t, errEarlierFirst, step[2].Refused)
	require.Equal(t, errEarlierFirst, step[3].Refused)
	require.Equal(t, refusal.InvalidRecord, step[4].Refused.Code)
	require.NotNil(t, step[5].Kept)
}

func TestOneKeyInFlightDoesNotEndABatchAndAFullGatewayDoes(t *testing.T) {
	require.Nil(t, cannotNow([]Outcome{{Kept: &record.Kept{}}, {Refused: refusal.Later(refusal.InFlight, retryAfter, "")}, {Refused: refusal.New(refusal.NotFound, "")}}))
	require.Equal(t, errOverloaded, cannotNow([]Outcome{{}, {Refused: errOverloaded}}))
	require.Equal(t, errEarlierFirst, cannotNow([]Outcome{{Refused: refusal.Later(refusal.CommitUnknown, retryAfter, "")}}))
}
