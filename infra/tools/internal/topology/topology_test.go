package topology_test

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/topology"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	root   = "../../../nats"
	answer = 2 * time.Minute
)

func TestTheFilesAreWhatTheCommandWrites(t *testing.T) {
	made := t.TempDir()
	files, err := topology.Files(100, 1)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(made, "streams"), 0o755))
	foreign := filepath.Join(made, "streams", "FOREIGN.json")
	require.NoError(t, os.WriteFile(filepath.Join(made, "streams", "OLD.json"), []byte(`{"name":"OLD","metadata":{"tillseal.schema":"1"}}`), 0o600))
	require.NoError(t, os.WriteFile(foreign, []byte(`{"name":"FOREIGN"}`), 0o600))
	require.NoError(t, topology.Write(made, files))
	require.NoError(t, os.Remove(foreign), "it is another's")
	want, got := contents(t, made), contents(t, root)
	require.Len(t, want, 14)
	require.Equal(t, want, got, "make generate")
}

// contents reads the configurations below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir)] = string(text)
		return err
	}))
	return found
}

// What an operator makes of the files is what the services would have made: they find nothing to change.
func TestTheServicesFindNothingToChangeInWhatTheFilesMade(t *testing.T) {
	server := testkit.NATS(t)
	bus, err := stream.Connect("test", stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 2}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bus.Close()
	files, err := topology.Files(2, 1)
	require.NoError(t, err)
	for path, text := range files {
		if name, isStream := strings.CutPrefix(strings.TrimSuffix(path, ".json"), "streams/"); isStream {
			ask(t, bus, "$JS.API.STREAM.CREATE."+name, text)
		}
	}
	before := map[string]jetstream.StreamConfig{}
	for path, text := range files {
		if name, isConsumer := strings.CutPrefix(strings.TrimSuffix(path, ".json"), "consumers/"); isConsumer {
			in, durable, _ := strings.Cut(name, ".")
			ask(t, bus, "$JS.API.CONSUMER.CREATE."+in+"."+durable, []byte(`{"stream_name":"`+in+`","config":`+string(text)+`}`))
			before[in] = configOf(t, bus, in)
		}
	}
	changed, err := bus.Conn.SubscribeSync("$JS.EVENT.ADVISORY.STREAM.UPDATED.>")
	require.NoError(t, err)
	require.NoError(t, bus.Ensure(t.Context()))
	for name, cfg := range before {
		require.Equal(t, cfg, configOf(t, bus, name))
	}
	require.NoError(t, bus.Conn.FlushTimeout(answer)) // the advisories came before the answers
	waiting, _, err := changed.Pending()
	require.NoError(t, err)
	require.Zero(t, waiting, "no stream was updated")
}

func configOf(t *testing.T, bus *stream.Bus, name string) jetstream.StreamConfig {
	t.Helper()
	s, err := bus.JS.Stream(t.Context(), name)
	require.NoError(t, err)
	return s.CachedInfo().Config
}

// ask sends a request to JetStream's own interface, as the nats command does.
func ask(t *testing.T, bus *stream.Bus, subject string, request []byte) {
	t.Helper()
	msg, err := bus.Conn.Request(subject, request, answer)
	require.NoError(t, err)
	var refused struct {
		Error *struct{ Description string }
	}
	require.NoError(t, json.Unmarshal(msg.Data, &refused))
	require.Nil(t, refused.Error, "%s: %s", subject, msg.Data)
}

func TestSizesThatNoServiceTakesAreRefused(t *testing.T) {
	_, err := topology.Files(0, 1)
	require.ErrorContains(t, err, "PEAK_SALES_PER_SECOND")
	_, err = topology.Files(100, 2)
	require.ErrorContains(t, err, "NATS_REPLICAS")
}
