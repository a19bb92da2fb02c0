package compose_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ownAnswers are the statuses that HAProxy has answers of its own for (its manual, errorfile).
var ownAnswers = []int{400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504}

// later are those after which the same request may succeed.
var later = map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true}

const problems = "/usr/local/etc/haproxy/problems"

type problem struct {
	Type, Title, Code, Detail, Instance string
	Status                              int
}

// gatewaysProblems are the examples of the gateways' own document, which its tests hold to what is answered.
func gatewaysProblems(t *testing.T) map[string]problem {
	t.Helper()
	var document struct {
		Components struct {
			Examples map[string]struct{ Value problem }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "services/gateway/internal/api/openapi.json")), &document))
	known := map[string]problem{}
	for code, example := range document.Components.Examples {
		known[code] = example.Value
	}
	return known
}

func TestTheLoadBalancerAnswersAsTheGatewaysDo(t *testing.T) {
	known := gatewaysProblems(t)
	config := read(t, "infra/docker/haproxy.cfg")
	require.Contains(t, config, "\n    errorfiles problems\n")
	require.Len(t, regexp.MustCompile(`(?m)^    errorfile `).FindAllString(config, -1), len(ownAnswers))
	for _, status := range ownAnswers {
		file := strconv.Itoa(status) + ".http"
		require.Contains(t, config, "\n    errorfile "+strconv.Itoa(status)+" "+problems+"/"+file+"\n")
		text := read(t, "infra/docker/problems/"+file)
		from := bufio.NewReader(strings.NewReader(text))
		res, err := http.ReadResponse(from, nil)
		require.NoError(t, err, file)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err, file)
		require.NoError(t, res.Body.Close())
		require.EqualValues(t, len(body), res.ContentLength, file)
		require.Zero(t, from.Buffered(), "%s goes on behind its Content-Length", file)
		require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), file)
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"), file)
		require.True(t, res.Close, file)
		require.Equal(t, later[status], res.Header.Get("Retry-After") != "", file)

		var p problem
		require.NoError(t, json.Unmarshal(body, &p), file)
		require.Contains(t, known, p.Code, file)
		require.Equal(t, []any{status, status}, []any{p.Status, res.StatusCode}, file)
		require.Equal(t, []any{known[p.Code].Type, known[p.Code].Title}, []any{p.Type, p.Title}, file)
		require.NotEmpty(t, p.Detail, file)
		require.NotEmpty(t, p.Instance, file)
		for code, own := range known { // a status of one code only is that code's here, too
			if own.Status == status && status < http.StatusInternalServerError && status != http.StatusBadRequest {
				require.Equal(t, code, p.Code, file)
			}
		}
	}
	mounted := false
	for _, mount := range project(t).Services["loadbalancer"].Volumes {
		mounted = mounted || mount.Target == problems && strings.HasSuffix(mount.Source, "/infra/docker/problems")
	}
	require.True(t, mounted)
}

// The gateways trust the load balancer's network, and no other.
func TestTheGatewaysTrustTheNetworkOfTheLoadBalancer(t *testing.T) {
	p := project(t)
	subnets := p.Networks["default"].Ipam.Config
	require.Len(t, subnets, 1)
	_, err := netip.ParsePrefix(subnets[0].Subnet)
	require.NoError(t, err)
	for _, gateway := range []string{"gateway-1", "gateway-2"} {
		require.Equal(t, subnets[0].Subnet, *p.Services[gateway].Environment["TRUSTED_PROXIES"])
		require.Empty(t, p.Services[gateway].Ports, "who comes past the load balancer would be trusted")
	}
}

func TestHAProxyTakesItsConfiguration(t *testing.T) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed (apt-get install haproxy): its configuration was only read as text")
	}
	dir, err := filepath.Abs(filepath.Join(root, "infra/docker/problems"))
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := strings.ReplaceAll(read(t, "infra/docker/haproxy.cfg"), problems, dir)
	text = regexp.MustCompile(` gateway-\d:`).ReplaceAllString(text, " 127.0.0.1:") // the containers' names are known among them alone
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	out, err := exec.CommandContext(t.Context(), haproxy, "-c", "-f", config).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "[WARNING]")
}
