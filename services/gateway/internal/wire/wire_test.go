package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The text of each refusal, so that whoever wrote the till finds the line. That nothing slips through to the HTTP library, and what
// becomes of the connection, is tried over real ones (package api).
func TestARefusalSaysWhatIsWrongWithTheRequest(t *testing.T) {
	const line, host = "GET / HTTP/1.1\r\n", "Host: x\r\n"
	for request, want := range map[string]error{
		"\x16\x03\x01":                                       errNotHTTP,
		"GET  / HTTP/1.1\r\n":                                errRequestLine,
		"GET /a b HTTP/1.1\r\n":                              errRequestLine,
		"GET / HTTP/9.9\r\n":                                 errVersion,
		"PRI * HTTP/2.0\r\n":                                 errVersion,
		"GET / HTTP/1.1\n":                                   errBareLF,
		line + "Host: x\n":                                   errBareLF,
		line + host + " a\r\n":                               errFolded,
		line + host + "\ta\r\n":                              errFolded,
		line + "Host : x\r\n":                                errName,
		line + "Host\r\n":                                    errName,
		line + host + "X: a\x00b\r\n":                        errValue,
		line + "\r\n":                                        errHost,
		line + "Host: \r\n":                                  errHost,
		line + host + host:                                   errHost,
		line + "Host: a/b\r\n":                               errHost,
		line + "Content-Length: 1, 1\r\n":                    errLength,
		line + "Content-Length: +1\r\n":                      errLength,
		line + "content-length: \r\n":                        errLength,
		line + "Transfer-Encoding: x\r\n":                    errEncoded,
		line + "transfer-encoding: \r\n":                     errEncoded,
		line + "Content-Length: 1\r\nContent-Length: 1\r\n":  errLength,
		line + "Content-Type: a/b\r\nContent-Type: a/b\r\n":  errType,
		line + "X: " + strings.Repeat("x", MaxHead) + "\r\n": errHeadTooLarge,
		line + "X: " + strings.Repeat("x", MaxHead):          errHeadTooLarge,
	} {
		_, err := new(Framer).Take([]byte(request))
		require.Equal(t, want, err, "%.80q", request)
		var bytewise Framer
		for i := 0; i < len(request) && err != nil; i++ {
			if _, e := bytewise.Take([]byte(request[i : i+1])); e != nil {
				err = nil
				require.Equal(t, want, e, "%.80q, byte by byte", request)
			}
		}
		require.NoError(t, err, "%.80q is refused byte by byte, too", request)
	}
}
