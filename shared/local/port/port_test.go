package port

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// asReserver makes a test binary reserve a port, print which and wait.
const asReserver = "TILLSEAL_TEST_RESERVES"

func TestNobodyElseIsGivenAReservedPort(t *testing.T) {
	if os.Getenv(asReserver) != "" {
		p, err := Reserve()
		require.NoError(t, err)
		_, _ = os.Stdout.WriteString("reserved " + strconv.Itoa(p.Number()) + "\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until its parent has checked
		p.Release()
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	other := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$")
	other.Env = append(os.Environ(), asReserver+"=1")
	in, err := other.StdinPipe()
	require.NoError(t, err)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	line := make([]byte, 64)
	n, err := out.Read(line)
	require.NoError(t, err)
	number, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "reserved ")))
	require.NoError(t, err, "%q", line[:n])

	theirs := &Port{number: number}
	require.ErrorIs(t, theirs.hold(), syscall.EADDRINUSE, "another process has reserved it, though nobody listens")
	require.NoError(t, in.Close())
	require.NoError(t, other.Wait())
	require.NoError(t, theirs.hold(), "it was released")
	theirs.Release()
}

func TestAReservedPortIsNotListenedOnAndOutOfTheKernelsRange(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := &Port{number: l.Addr().(*net.TCPAddr).Port}
	require.ErrorIs(t, taken.hold(), syscall.EADDRINUSE, "somebody listens")

	low, high := reservedRange()
	p, err := Reserve()
	require.NoError(t, err)
	defer p.Release()
	require.GreaterOrEqual(t, p.Number(), low)
	require.Less(t, p.Number(), high)
}

func TestARowIsReservedWhole(t *testing.T) {
	row, err := ReserveRow(4)
	require.NoError(t, err)
	for i, p := range row {
		require.Equal(t, row[0].Number()+i, p.Number())
		require.ErrorIs(t, (&Port{number: p.Number()}).hold(), syscall.EADDRINUSE)
		p.Release()
	}
}

func TestPortsAreReservedBesideThoseOfTheKernel(t *testing.T) {
	for text, want := range map[string][2]int{
		"32768\t60999\n": {20_768, 32_768},
		"":               {20_768, 32_768}, // unknown
		"1024 65535":     {53_535, 65_535}, // all are the kernel's
		"1024 40000":     {40_001, 52_001},
		"15000 65000":    {10_000, 15_000},
		"9000 60000":     {60_001, 65_536},
		"nonsense here":  {20_768, 32_768},
	} {
		low, high := besideEphemeral(text)
		require.Equal(t, want, [2]int{low, high}, "%q", text)
	}
}
