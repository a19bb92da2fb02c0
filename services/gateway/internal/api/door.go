package api

import (
	"bytes"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

const (
	// reservedFiles are for everything but tills: Postgres, Redis and NATS, logs, connections that are being refused.
	reservedFiles = 512
	// fewestConnections are served however low the limit of open files is: then some wait to be accepted.
	fewestConnections = 64
)

// The answers to a connection that is not let in.
var (
	errFull        = refusal.Later(refusal.Overloaded, retryAfter, "the gateway has no room for another connection: connect again")
	errFullAddress = refusal.Later(refusal.Overloaded, retryAfter,
		"your address has too many unauthenticated connections: close some, or connect again later")
)

// fitting is how many of wanted connections the process may hold with its limit of open files; it logs when that is fewer.
func (s *Server) fitting(wanted int) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return wanted
	}
	fit := connectionsWith(files.Cur, wanted)
	if fit < wanted {
		s.Log.Warn("the limit of open files allows fewer connections than this gateway can serve: raise it (ulimit -n)",
			"connections", fit, "open_files", files.Cur, "open_files_needed", wanted+reservedFiles)
	}
	return fit
}

func connectionsWith(files uint64, wanted int) int {
	if files >= uint64(wanted)+reservedFiles {
		return wanted
	}
	return min(wanted, max(int(files)-reservedFiles, fewestConnections))
}

// connectionEnded counts a connection that was refused or closed to make room, and logs some.
func (s *Server) connectionEnded(why, by string) {
	s.CountEnd(why)
	if s.crowded.Allow() {
		s.Log.Warn("too many connections: one was closed or refused", "what", why, "limit", by)
	}
}

// full is the whole HTTP answer to a connection that is not let in.
func (s *Server) full(by string) []byte {
	why := errFull
	if by == byAddress {
		why = errFullAddress
	}
	kind, id := kinds[why.Code], uuid.NewString()
	body, err := problemOf(why, id)
	if err != nil {
		s.Log.Error("a problem could not be encoded", "error", err)
	}
	s.Count("other", kind.status)
	var out bytes.Buffer
	out.WriteString("HTTP/1.1 " + strconv.Itoa(kind.status) + " " + http.StatusText(kind.status) + "\r\n")
	for _, h := range [][2]string{
		{"Date", time.Now().UTC().Format(http.TimeFormat)},
		{"Content-Type", "application/problem+json"},
		{"Content-Length", strconv.Itoa(len(body))},
		{"Cache-Control", "no-store"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Request-Id", id},
		{"Retry-After", seconds(why.RetryAfter)},
		{"Connection", "close"},
	} {
		out.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}

// Connections is the number of open connections.
func (s *Server) Connections() int {
	if door := s.door.Load(); door != nil {
		return door.crowd.size()
	}
	return 0
}
