package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestRecordsAreWrittenToTheDatabaseThatWasPreparedAlone(t *testing.T) {
	s, err := Open(t.Context(), config.Secret(testkit.Database(t).Gateway))
	require.NoError(t, err)
	defer s.Close()
	begin := func(s *Store) error {
		tx, err := s.Begin(t.Context())
		if err == nil {
			tx.Rollback(t.Context())
		}
		return err
	}
	require.NoError(t, begin(s), "any, until one is named")
	present, err := s.Present(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.Identity(), present)

	s.OnlyTo("the database before")
	require.ErrorIs(t, begin(s), ErrReplaced)
	_, err = s.AddClosing(t.Context(), &Closing{})
	require.ErrorIs(t, err, ErrReplaced)
	require.NoError(t, begin(s.Of(present)), "whoever prepares this one")
	require.ErrorIs(t, begin(s.Of("another")), ErrReplaced)
	s.OnlyTo(present)
	require.NoError(t, begin(s))
	require.Empty(t, s.Replaced())

	latest := "a database that new connections led to"
	s.databases.latest.Store(&latest)
	s.OnlyTo(latest)
	require.ErrorIs(t, begin(s), ErrReplaced, "a connection of before is not written to")
	require.ErrorIs(t, begin(s), ErrReplaced, "nor is it kept: this is a new one")
	require.Equal(t, present, s.Identity())
	require.Len(t, s.Replaced(), 1)
}
