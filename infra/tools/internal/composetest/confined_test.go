package composetest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// roots are the services that run as root, and why.
var roots = map[string]string{
	"operator":   "the image's home is root's; on demand, with one right of root's",
	"downstream": "as operator",
}

func TestNoContainerHasMoreRightsThanItNeeds(t *testing.T) {
	p := project(t)
	dockerfile := read(t, "infra/docker/Dockerfile")
	for name, s := range p.Services {
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.False(t, s.Privileged, name)
		if _, root := roots[name]; root {
			require.Equal(t, []string{"DAC_READ_SEARCH"}, s.CapAdd, name)
			continue
		}
		require.True(t, s.ReadOnly, name)
		require.Empty(t, s.CapAdd, name)
		if s.Build != nil { // the user is the image's
			stage := regexp.MustCompile(`(?s)FROM base AS ` + s.Build.Target + `\n.*?ENTRYPOINT`).FindString(dockerfile)
			require.NotEmpty(t, stage, name)
			users := regexp.MustCompile(`(?m)^USER (\S+)$`).FindAllStringSubmatch(stage, -1)
			require.True(t, len(users) == 0 || users[len(users)-1][1] == "tillseal", name)
			require.Empty(t, s.User, name)
			continue
		}
		require.NotContains(t, []string{"", "root", "0", "0:0"}, s.User, name)
	}
	require.Contains(t, dockerfile, "\nUSER tillseal\n\nFROM base AS", "what every image of ours begins with")
}

// A new volume belongs to root unless the image of the first container that mounts it has the mount point with another owner.
func TestTheVolumeOfNATSBelongsToItsUser(t *testing.T) {
	p := project(t)
	nats, first := p.Services["nats"], p.Services["identities"]
	require.Equal(t, types.ServiceConditionCompletedSuccessfully, nats.DependsOn["identities"].Condition)
	require.True(t, slices.ContainsFunc(first.Volumes, func(m types.ServiceVolumeConfig) bool { return m.Source == "nats" && m.Target == "/nats" }))
	dockerfile := read(t, "infra/docker/Dockerfile")
	require.Regexp(t, `mkdir \S+ /nats && chown -R tillseal:tillseal /nkeys /nats\n`, dockerfile)
	require.Contains(t, dockerfile, "adduser -D -H -u 10001 tillseal")
	require.Equal(t, "10001:10001", nats.User)
}

// "docker compose up --wait" fails when a container has ended that no other waits for the end of.
func TestWhatEndsIsWaitedForByAnother(t *testing.T) {
	p := project(t)
	awaited := map[string]bool{}
	for _, s := range p.Services {
		for name, dependency := range s.DependsOn {
			if dependency.Condition == types.ServiceConditionCompletedSuccessfully && len(s.Profiles) == 0 {
				awaited[name] = true
			}
		}
	}
	for name, s := range p.Services {
		require.Equal(t, s.Restart == "no", awaited[name], name)
	}
	require.False(t, p.Services["ledger"].DependsOn["copies"].Required, "a sale's proof needs no copy for others")
}

func TestGitIgnoresWhatTheREADMEHasAPersonMake(t *testing.T) {
	ignored := strings.Fields(read(t, ".gitignore"))
	made := regexp.MustCompile(`(?:\bcp \S+|\| tee) (\S+)`).FindAllStringSubmatch(read(t, "README.md"), -1)
	require.Len(t, made, 2, ".env and a proof")
	for _, file := range made {
		require.Contains(t, ignored, "/"+file[1])
	}
}
