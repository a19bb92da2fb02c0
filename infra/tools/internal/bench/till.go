package bench

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	answerLimit = 5 * time.Second // beyond it a till's connection is given up
	bodyLimit   = 64 << 10
)

// writes makes a record of a customer's.
type writes func(customer int) []byte

// body is a record as a till sends it: two lines, two tenders.
func body(customer int) []byte {
	return fmt.Appendf(nil, `{"kind":"sale","currency":"INR","total":"1249.50","customer_id":"C-%d",`+
		`"lines":[{"sku":"TEA-250","name":"Assam tea, loose leaf, 250 g","quantity":"2","unit_price":"499.75","tax":"100.00"},`+
		`{"sku":"CUP-1","name":"Cup, stoneware, blue","quantity":"1","unit_price":"150.00"}],`+
		`"tenders":[{"type":"cash","amount":"1000.00"},{"type":"card","amount":"249.50"}],"occurred_at":"2026-11-22T10:15:30+05:30"}`, customer)
}

// plain is a record without lines.
func plain(customer int) []byte {
	return fmt.Appendf(nil, `{"currency":"INR","total":"35382.60","customer_id":"C-%d","occurred_at":"2026-11-22T10:15:30+05:30"}`, customer)
}

// slip is a record of the same total with 30 lines of two taxes each.
func slip(customer int) []byte {
	const line = `{"sku":"HSN0902","name":"Assam tea","quantity":"2","unit_price":"499.75",` +
		`"taxes":[{"name":"CGST","rate":"9","amount":"89.96"},{"name":"SGST","rate":"9","amount":"89.96"}],"amount":"1179.42"}`
	return fmt.Appendf(nil, `{"currency":"INR","total":"35382.60","customer_id":"C-%d","occurred_at":"2026-11-22T10:15:30+05:30","lines":[%s]}`,
		customer, strings.TrimSuffix(strings.Repeat(line+",", 30), ","))
}

// typicalAnswer is the 201 of such a record.
var typicalAnswer = `{"sale_id":"019aaa00-0000-7000-8000-000000000000","kind":"sale","store_id":"s1","terminal_id":"t12",` +
	`"recorded_at":"2026-11-22T04:45:31.123456Z",` +
	`"currency":"INR","total":"1249.50","loyalty":{"customer_id":"C-12345","purchase_number":2,"first_purchase":false,` +
	`"points_earned":124,"points_redeemed":0,"points_balance":248},` +
	`"record_number":1042,"previous_hash":"0x0000000000000000000000000000000000000000000000000000000000000000",` +
	`"anchor":{"status":"pending","sale_hash":"0x0000000000000000000000000000000000000000000000000000000000000000",` +
	`"proof_url":"/sales/019aaa00-0000-7000-8000-000000000000/proof"},` +
	`"promise":"` + typicalPromise + `",` +
	`"receipt_url":"/receipts/019aaa00-0000-7000-8000-000000000000?t=abcdefghijklmnopqrstuvwxyz012345"}`

// typicalPromise is as long as a promise is.
var typicalPromise = strings.Repeat("eyJhbGciOiJFZERT", 41)

// till is one connection that sends sale after sale. It shares the cores with what it measures: it builds each request in one
// buffer, and reads no more of an answer than HTTP asks.
type till struct {
	addr    string
	key     string // the terminal's
	writes  writes
	conn    net.Conn
	read    *bufio.Reader
	request []byte
	random  []byte // for idempotency keys, drawn in bulk
	answer  fasthttp.Response
	keeps   bool       // recorded
	sales   []recorded // that were answered with 201
}

// recorded is a sale that a till has its 201 for.
type recorded struct {
	id string
	at time.Time
}

func newTill(addr, key string, records writes) *till {
	return &till{addr: addr, key: key, writes: records}
}

func (t *till) close() {
	if t.conn != nil {
		_ = t.conn.Close() // nothing is owed
		t.conn = nil
	}
}

// sell records one sale of customer and reports whether it was a 201.
func (t *till) sell(ctx context.Context, customer int) (bool, error) {
	if t.conn == nil {
		conn, err := (&net.Dialer{Timeout: answerLimit}).DialContext(ctx, "tcp", t.addr)
		if err != nil {
			return false, err
		}
		t.conn, t.read = conn, bufio.NewReader(conn)
	}
	if err := t.exchange(customer); err != nil {
		t.close()
		return false, err
	}
	created := t.answer.StatusCode() == fasthttp.StatusCreated
	if created && t.keeps {
		t.sales = append(t.sales, recorded{saleID(t.answer.Body()), time.Now()})
	}
	return created, nil
}

// saleID is the sale_id of a 201, with which it begins.
func saleID(answer []byte) string {
	const start, end = len(`{"sale_id":"`), len(`{"sale_id":"`) + 36
	if len(answer) < end {
		return ""
	}
	return string(answer[start:end])
}

func (t *till) exchange(customer int) error {
	record := t.writes(customer)
	t.request = fmt.Appendf(t.request[:0], "POST /record HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nIdempotency-Key: ", t.key)
	t.request = t.appendKey(t.request)
	t.request = fmt.Appendf(t.request, "\r\nContent-Length: %d\r\n\r\n", len(record))
	t.request = append(t.request, record...)
	if err := t.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	if _, err := t.conn.Write(t.request); err != nil {
		return err
	}
	return t.answer.ReadLimitBody(t.read, bodyLimit)
}

// appendKey appends a new UUID v4 (RFC 9562).
func (t *till) appendKey(to []byte) []byte {
	const size, drawn = 16, 64
	if len(t.random) < size {
		t.random = make([]byte, size*drawn)
		_, _ = rand.Read(t.random) // never fails (crypto/rand)
	}
	id := t.random[:size]
	t.random = t.random[size:]
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			to = append(to, '-')
		}
		to = hex.AppendEncode(to, part)
	}
	return to
}
