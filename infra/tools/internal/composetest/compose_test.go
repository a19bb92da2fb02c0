// Package compose holds docker-compose.yml, .env.example and the documentation to what the programs really read and do. No
// container engine runs here: the files are parsed as the engine would.
package composetest

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/infra/tools/internal/migrate"
	"github.com/tillseal/tillseal/shared/promise"
)

// root is the repository's.
const root = "../../../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

func example(t *testing.T) map[string]string {
	t.Helper()
	values, err := dotenv.Read(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	return values
}

func load(t *testing.T, env map[string]string) (*types.Project, error) {
	t.Helper()
	dir, err := filepath.Abs(root)
	require.NoError(t, err)
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "docker-compose.yml")}}, Environment: env,
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t, example(t))
	require.NoError(t, err)
	return p
}

// environ is a service's environment as its program gets it.
func environ(s types.ServiceConfig) []string {
	var all []string
	for name, value := range s.Environment {
		if value != nil {
			all = append(all, name+"="+*value)
		}
	}
	return all
}

func TestEveryServiceGetsExactlyWhatItsProgramReads(t *testing.T) {
	p := project(t)
	for name, s := range p.Services {
		if s.Build == nil {
			continue
		}
		program, known := programs[s.Build.Target]
		require.True(t, known, "%s is built from target %q, which is no program of ours", name, s.Build.Target)
		reads := map[string]bool{}
		for _, v := range program.variables {
			reads[v.Name] = true
			if v.Required {
				require.Contains(t, s.Environment, v.Name, "%s needs it", name)
			}
		}
		for variable := range s.Environment {
			require.True(t, reads[variable], "%s does not read %s", name, variable)
		}
		if s.Environment["PROMISE_KEY_FILE"] != nil { // only a container has the volume
			key := filepath.Join(t.TempDir(), "promise.pem")
			_, err := promise.KeepKey(key)
			require.NoError(t, err)
			s.Environment["PROMISE_KEY_FILE"] = &key
		}
		require.NoError(t, program.load(environ(s)), name)
	}
}

func TestAMissingPasswordIsNamed(t *testing.T) {
	required := regexp.MustCompile(`\$\{([A-Z_]+):\?`).FindAllStringSubmatch(read(t, "docker-compose.yml"), -1)
	require.NotEmpty(t, required)
	for _, match := range required {
		env := example(t)
		require.NotEmpty(t, env[match[1]], ".env.example sets it")
		delete(env, match[1])
		_, err := load(t, env)
		require.ErrorContains(t, err, match[1])
	}
}

func TestEachServiceLogsInAsItsOwnRole(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"gateway-1", "anchor", "ledger", "migrate"} {
		s := project(t).Services[name]
		url := s.Environment["DB_URL"]
		if name == "migrate" {
			url = s.Environment["DB_ADMIN_URL"]
		}
		require.NotNil(t, url, name)
		user := regexp.MustCompile(`^postgres://([a-z]+):([^@]+)@postgres:5432/tillseal\?`).FindStringSubmatch(*url)
		require.NotNil(t, user, name)
		require.Empty(t, seen[user[1]], "%s logs in as the role of another", name)
		require.NotContains(t, slices.Collect(maps.Values(seen)), user[2], "%s has the password of another", name)
		seen[user[1]] = user[2]
	}
	require.ElementsMatch(t, []string{"gateway", "anchor", "ledger", migrate.Owner}, slices.Collect(maps.Keys(seen)))
}

// Each holder of an identity sees its own seed and no other, under the same path.
func TestEachServiceHasItsOwnIdentity(t *testing.T) {
	p := project(t)
	holders := map[string]string{
		"gateway-1": identity.Gateway, "gateway-2": identity.Gateway, "pricing": identity.Pricing, "anchor": identity.Anchor, "ledger": identity.Ledger,
		"copies": identity.Copier, "operator": identity.Operator, "downstream": identity.Downstream, "nats": "public",
	}
	for name, s := range p.Services {
		var seen []string
		for _, mount := range s.Volumes {
			if strings.HasPrefix(mount.Source, "nkeys-") && name != "identities" {
				require.Equal(t, "/nkeys", mount.Target, name)
				require.True(t, mount.ReadOnly, name)
				seen = append(seen, strings.TrimPrefix(mount.Source, "nkeys-"))
			}
		}
		if holder := holders[name]; holder != "" {
			require.Equal(t, []string{holder}, seen, name)
			continue
		}
		require.Empty(t, seen, name)
	}
	var made []string
	for _, mount := range p.Services["identities"].Volumes {
		if mount.Source == "nats" {
			continue
		}
		name := strings.TrimPrefix(mount.Source, "nkeys-")
		require.Equal(t, "/nkeys/"+name, mount.Target)
		require.Regexp(t, `(for name in|mkdir /nkeys/).*\b`+name+`\b`, read(t, "infra/docker/Dockerfile"), "the volume is its user's")
		made = append(made, name)
	}
	require.ElementsMatch(t, append([]string{"public"}, identity.Names...), made)
}

func TestImagesAreExact(t *testing.T) {
	exact := regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$`)
	for name, s := range project(t).Services {
		require.Regexp(t, exact, s.Image, name)
	}
	from := regexp.MustCompile(`(?m)^FROM (\S+)(?: AS (\S+))?$`).FindAllStringSubmatch(read(t, "infra/docker/Dockerfile"), -1)
	stages := map[string]bool{}
	for _, line := range from {
		if !stages[line[1]] {
			require.Regexp(t, exact, line[1])
		}
		stages[line[2]] = true
	}
	build, _, _ := strings.Cut(read(t, "go.work"), "\n\n")
	version, _, _ := strings.Cut(strings.TrimPrefix(build, "go "), "\n")
	require.Regexp(t, `^golang:`+regexp.QuoteMeta(strings.TrimSuffix(version, ".0"))+`\.`, from[0][1], "the compiler is of go.work's version")
}

func TestTheDockerfileBuildsEveryTargetFromItsPackage(t *testing.T) {
	dockerfile := read(t, "infra/docker/Dockerfile")
	for target, program := range programs {
		require.Contains(t, dockerfile, " ./"+program.path)
		require.Contains(t, dockerfile, "AS "+target+"\nCOPY --from=build /out/"+target+" /usr/local/bin/\n")
		require.FileExists(t, filepath.Join(root, program.path, "main.go"))
	}
	for _, path := range regexp.MustCompile(`\./\S+/cmd/\S+`).FindAllString(dockerfile, -1) {
		require.FileExists(t, filepath.Join(root, path, "main.go"))
	}
	for _, line := range regexp.MustCompile(`(?m)^COPY (?:--from=\S+ )?(.+) \S+$`).FindAllStringSubmatch(dockerfile, -1) {
		for source := range strings.FieldsSeq(line[1]) {
			if !strings.HasPrefix(source, "/out/") {
				_, err := os.Stat(filepath.Join(root, source))
				require.NoError(t, err)
			}
		}
	}
	for _, module := range regexp.MustCompile(`(?m)^\t\./(\S+)$`).FindAllStringSubmatch(read(t, "go.work"), -1) {
		require.Contains(t, dockerfile, "COPY "+module[1]+"/go.mod ", "the workspace needs all of its modules")
	}
}

var (
	secretName = regexp.MustCompile(`PASSWORD|PRIVATE_KEY|SECRET|TOKEN|AUTH$`)
	fromEnv    = regexp.MustCompile(`^\$\{[A-Z_]+:(\?[^}]+|-)\}$`) // from the environment, without a value here
)

func TestNoSecretStandsInTheFiles(t *testing.T) {
	text := read(t, "docker-compose.yml")
	for _, line := range regexp.MustCompile(`(?m)^\s+([A-Z][A-Z0-9_]*): (.+)$`).FindAllStringSubmatch(text, -1) {
		if secretName.MatchString(line[1]) {
			require.Regexp(t, fromEnv, line[2], line[1])
		}
	}
	for _, url := range regexp.MustCompile(`://[a-z]*:([^\s]+?)@`).FindAllStringSubmatch(text, -1) {
		require.Regexp(t, `^\$\{[A-Z_]+:\?`, url[1])
	}
	for _, path := range []string{"docker-compose.yml", "infra/docker/Dockerfile", "infra/docker/haproxy.cfg", "infra/nats/nats.conf"} {
		require.NotRegexp(t, `[0-9a-fA-F]{40}`, read(t, path), path)
		for name, value := range example(t) {
			if secretName.MatchString(name) {
				require.NotContains(t, read(t, path), value, path)
			}
		}
	}
}

func TestTwoGatewaysStandBehindTheLoadBalancer(t *testing.T) {
	p := project(t)
	balancer := p.Services["loadbalancer"]
	config := read(t, "infra/docker/haproxy.cfg")
	for _, gateway := range []string{"gateway-1", "gateway-2"} {
		require.Equal(t, "gateway", p.Services[gateway].Build.Target)
		require.Equal(t, types.ServiceConditionHealthy, balancer.DependsOn[gateway].Condition)
		require.Contains(t, config, "server "+gateway+" "+gateway+":8080")
	}
	for _, service := range []string{"gateway-1", "gateway-2", "anchor", "ledger"} {
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, p.Services[service].DependsOn["migrate"].Condition, service)
	}
}

func TestOnlyTillsAndTheChainAreReachedFromOutside(t *testing.T) {
	published := map[string]string{}
	for name, s := range project(t).Services {
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
			published[name] = port.Published
		}
		require.NotEqual(t, "host", s.NetworkMode, name)
	}
	require.Equal(t, map[string]string{"loadbalancer": "8080", "chain": "8545"}, published)
}

func TestEveryServerHasAHealthCheckAndItsDataAVolume(t *testing.T) {
	p := project(t)
	for name, s := range p.Services {
		if s.Restart != "no" && len(s.Profiles) == 0 { // those that end have done their work
			require.NotNil(t, s.HealthCheck, name)
			require.NotEmpty(t, s.HealthCheck.Test, name)
		}
		for _, mount := range s.Volumes {
			switch mount.Type {
			case types.VolumeTypeVolume:
				require.Contains(t, p.Volumes, mount.Source, name)
			case types.VolumeTypeBind:
				_, err := os.Stat(mount.Source)
				require.NoError(t, err, name)
				require.True(t, mount.ReadOnly, name)
			}
		}
	}
	for _, name := range []string{"postgres", "nats", "chain"} {
		require.Contains(t, p.Volumes, name)
	}
}
