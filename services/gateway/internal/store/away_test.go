package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestPostgresIsAwayWhenItAnswersNobody(t *testing.T) {
	silence := fmt.Errorf("read: %w", context.DeadlineExceeded)
	type question struct {
		began uint64 // how many answers had been heard
		err   error
	}
	for name, c := range map[string]struct {
		ended []question
		away  bool
	}{
		"silence twice":                             {[]question{{0, silence}, {0, silence}}, true},
		"silence once":                              {[]question{{0, silence}}, false},
		"an answer between":                         {[]question{{0, silence}, {0, nil}, {1, silence}}, false},
		"a refusal between":                         {[]question{{0, silence}, {0, &pgconn.PgError{Code: "42501"}}, {1, silence}}, false},
		"silence twice after an answer":             {[]question{{0, nil}, {1, silence}, {1, silence}}, true},
		"two slow ones while another is answered":   {[]question{{0, nil}, {0, silence}, {0, silence}}, false},
		"a slow one, and silence since":             {[]question{{0, nil}, {0, silence}, {1, silence}}, false},
		"a slow one, and silence since twice":       {[]question{{0, nil}, {0, silence}, {1, silence}, {1, silence}}, true},
		"no connection twice":                       {[]question{{0, &pgconn.ConnectError{}}, {0, &pgconn.ConnectError{}}}, true},
		"no connection twice while another answers": {[]question{{0, nil}, {0, &pgconn.ConnectError{}}, {0, &pgconn.ConnectError{}}}, false},
		"a connection that broke proves nothing": {[]question{
			{0, silence},
			{0, &pgconn.PgError{SeverityUnlocalized: "FATAL", Code: "57P01"}},
			{0, silence},
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), config.Secret("postgres://gateway@127.0.0.1:1/x")) // nobody answers the probe
			require.NoError(t, err)
			defer s.Close()
			for _, q := range c.ended {
				s.heard(q.began, q.err)
			}
			require.Equal(t, c.away, s.Away())
		})
	}
}
