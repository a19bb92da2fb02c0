package active

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

func TestALackIsFollowedOverLeasesButNotOverYears(t *testing.T) {
	var l lacking
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	lack := step.Doubt{Lacks: true}
	require.Zero(t, l.since(noon))
	l.note(lack, noon)
	for minute := range 40 {
		now := noon.Add(time.Duration(minute) * time.Minute)
		require.Equal(t, noon, l.since(now))
		l.note(lack, now)
	}
	l.note(step.Wait{}, noon.Add(41*time.Minute))
	require.Zero(t, l.since(noon.Add(41*time.Minute)))

	l.note(lack, noon)
	require.Zero(t, l.since(noon.Add(lacksGap+time.Second)), "another replica acted since")
}
