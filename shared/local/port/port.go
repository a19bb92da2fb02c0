// Package port reserves TCP ports on loopback for servers and tests that run side by side, in any number of processes.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	// reservedSpan is the size of the range: many times what all test binaries of a machine use at once.
	reservedSpan = 12_000
	lowestPort   = 10_000 // below are well-known ports
	highestPort  = 65_535
	loopback     = "127.0.0.1"
	maxRows      = 1000 // tried until one is free
	// ephemeralPorts holds the range from which the kernel takes ports for outgoing connections, and for port 0.
	ephemeralPorts = "/proc/sys/net/ipv4/ip_local_port_range"
)

// Port is a TCP port on 127.0.0.1 that nobody else is given until it is released: for a program that listens itself, or later, or again after
// a restart. It is outside the range from which the kernel takes ports for outgoing connections, and no other process on this machine
// that uses this package has it.
//
// The reservation is an abstract Unix socket named after the port. Two processes can't bind the same one, whichever users run them; it
// belongs to the same network namespace as the port; and the kernel drops it with the process, however that ends.
type Port struct {
	number int
	held   net.PacketConn // nil: released
}

// Reserve finds a free port and reserves it until Release, or until this process ends.
func Reserve() (*Port, error) {
	low, high := reservedRange()
	first := rand.IntN(high - low) //nolint:gosec // so that two that begin at once don't try the same ones
	for i := range high - low {
		p := &Port{number: low + (first+i)%(high-low)}
		switch err := p.hold(); {
		case err == nil:
			return p, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return nil, err
		}
	}
	return nil, fmt.Errorf("no port between %d and %d on %s is free", low, high-1, loopback)
}

// ReserveRow reserves n ports that follow each other.
func ReserveRow(n int) ([]*Port, error) {
	low, high := reservedRange()
	for range maxRows {
		first := low + rand.IntN(high-low-n+1) //nolint:gosec // as above
		row := make([]*Port, 0, n)
		for i := range n {
			p := &Port{number: first + i}
			if err := p.hold(); err != nil {
				break
			}
			row = append(row, p)
		}
		if len(row) == n {
			return row, nil
		}
		for _, p := range row {
			p.Release()
		}
	}
	return nil, fmt.Errorf("no %d ports in a row on %s are free", n, loopback)
}

// Number is the port.
func (p *Port) Number() int { return p.number }

// Release gives the port to whoever asks next; a second one is a no-op. One that nobody refers to any more is released too.
func (p *Port) Release() {
	if p.held != nil {
		_ = p.held.Close() // nothing was written
		p.held = nil
	}
}

// hold reserves the port; EADDRINUSE means that another process has it, or listens there.
func (p *Port) hold() error {
	held, err := net.ListenPacket("unixgram", "@tillseal/port/"+strconv.Itoa(p.number)) //nolint:noctx // immediate
	if err != nil {
		return fmt.Errorf("reserve port %d: %w", p.number, err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(p.number))) //nolint:noctx // immediate
	if err != nil {
		return errors.Join(fmt.Errorf("try port %d: %w", p.number, err), held.Close())
	}
	p.held = held
	return l.Close()
}

// reservedRange is the range to reserve from: low up to but without high, next to the kernel's own range, on its larger side.
func reservedRange() (low, high int) {
	text, err := os.ReadFile(ephemeralPorts)
	if err != nil {
		text = nil // unknown: most begin at 32768
	}
	return besideEphemeral(string(text))
}

// besideEphemeral reads what ephemeralPorts holds.
func besideEphemeral(text string) (low, high int) {
	from, to := 32_768, 60_999 // Linux's default
	if fields := strings.Fields(text); len(fields) == 2 {
		first, errFirst := strconv.Atoi(fields[0])
		last, errLast := strconv.Atoi(fields[1])
		if errFirst == nil && errLast == nil && first <= last {
			from, to = first, last
		}
	}
	below, above := from-lowestPort, highestPort-to
	switch {
	case below <= 0 && above <= 0: // the kernel takes them all: the reservation still holds among us
		return highestPort - reservedSpan, highestPort
	case below >= above:
		return max(lowestPort, from-reservedSpan), from
	default:
		return to + 1, min(to+1+reservedSpan, highestPort+1)
	}
}
