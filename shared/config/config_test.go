package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

type inner struct {
	Level string `env:"LOG_LEVEL" envDefault:"info" doc:"how much to log"`
}

type shop struct {
	inner
	Shared inner
	DB     config.Secret `env:"DB_URL,required,notEmpty" doc:"the database"`
	Age    time.Duration `env:"BATCH_AGE" envDefault:"2s" doc:"how long to wait"`
	Max    int           `env:"BATCH_MAX" envDefault:"4096" doc:"how many"`
}

func (s shop) Check() error {
	if s.Max < 1 {
		return fmt.Errorf("BATCH_MAX must be at least 1")
	}
	return nil
}

func TestDefaultsFillWhatIsNotSet(t *testing.T) {
	c, err := config.Load[shop]([]string{"DB_URL=postgres://u:hunter2@h/d", "BATCH_AGE=5s"})
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, c.Age)
	require.Equal(t, 4096, c.Max)
	require.Equal(t, "info", c.Shared.Level)
	require.Equal(t, "postgres://u:hunter2@h/d", c.DB.Reveal())
}

func TestEveryWrongVariableIsNamedAndNoValueIsShown(t *testing.T) {
	_, err := config.Load[shop]([]string{"BATCH_AGE=hunter2", "BATCH_MAX=many"})
	require.True(t, fault.Is(err, fault.Invalid))
	require.ErrorContains(t, err, "DB_URL is not set")
	require.ErrorContains(t, err, "BATCH_AGE must be a duration such as 30s, 5m or 1h")
	require.ErrorContains(t, err, "BATCH_MAX must be a whole number such as 100")
	require.NotContains(t, err.Error(), "at least 1", "what could not be read is complained of once")
	require.NotContains(t, err.Error(), "hunter2")

	_, err = config.Load[shop]([]string{"DB_URL="})
	require.ErrorContains(t, err, "DB_URL is empty")
	_, err = config.Load[shop]([]string{"DB_URL=x", "BATCH_MAX=0"})
	require.True(t, fault.Is(err, fault.Invalid))
	require.ErrorContains(t, err, "BATCH_MAX must be at least 1")
	_, err = config.Load[shop]([]string{"BATCH_AGE=30", "BATCH_MAX=0"})
	for _, said := range []string{"DB_URL is not set", "BATCH_AGE must be a duration", "BATCH_MAX must be at least 1"} {
		require.ErrorContains(t, err, said, "a value that can't be read hides no other that is wrong")
	}
}

func TestAURLThatIsNoneIsRefusedAndNeverShown(t *testing.T) {
	for url, good := range map[string]bool{
		"redis://u:hunter2@h:6379/0": true, "rediss://h": true,
		"foo": false, "h:6379": false, "redis://": false, "redis://:hunter2@": false, "redis://h:0": false, "redis://h:": false, "http://hunter2": false,
		"redis://h un": false,
	} {
		err := config.CheckURL("REDIS_URL", config.Secret(url), "redis://127.0.0.1:6379/0", "redis", "rediss")
		if good {
			require.NoError(t, err, url)
			continue
		}
		require.EqualError(t, err, "REDIS_URL must be a URL such as redis://127.0.0.1:6379/0 (redis:// or rediss://, with a host)", url)
	}
	for url, good := range map[string]bool{
		"postgres://role@h/d": true, "postgresql://h": true, "postgres:///d?host=/run": true, "foo": false, "host=h user=u": false, "mysql://h/d": false, "": false,
	} {
		require.Equal(t, good, config.CheckPostgresURL("DB_URL", config.Secret(url)) == nil, url)
	}
}

func TestASecretNeverShows(t *testing.T) {
	s := config.Secret("hunter2")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "db", s)
	encoded, err := json.Marshal(map[string]any{"db": s})
	require.NoError(t, err)
	shown := fmt.Sprintf("%v %s %+v %#v %q", s, s, struct{ S config.Secret }{s}, s, s) + log.String() + string(encoded)
	require.NotContains(t, shown, "hunter2")
}

func TestHelpListsEveryVariable(t *testing.T) {
	var out bytes.Buffer
	config.Describe[shop](&out)
	require.Contains(t, out.String(), "DB_URL (required)\n        the database")
	require.Contains(t, out.String(), "BATCH_AGE (default 2s)")
	require.Contains(t, out.String(), "LOG_LEVEL (default info)")
}
