package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// till is a terminal at a counter.
type till struct {
	t        *testing.T
	url, key string
}

func (t *till) at(g *gate) *till { return &till{t.t, g.url, t.key} }

// reply is what the till read.
type reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// answer is a 201's body.
type answer struct {
	SaleID     string `json:"sale_id"`
	Kind       string `json:"kind"`
	StoreID    string `json:"store_id"`
	TerminalID string `json:"terminal_id"`
	RecordedAt string `json:"recorded_at"`
	Currency   string `json:"currency"`
	Total      string `json:"total"`
	Loyalty    *struct {
		CustomerID     string `json:"customer_id"`
		PurchaseNumber int64  `json:"purchase_number"`
		FirstPurchase  bool   `json:"first_purchase"`
		PointsEarned   int64  `json:"points_earned"`
		PointsRedeemed int64  `json:"points_redeemed"`
		PointsBalance  int64  `json:"points_balance"`
		Shortfall      int64  `json:"shortfall"`
	} `json:"loyalty"`
	Unreferenced bool      `json:"unreferenced"`
	Warnings     []warning `json:"warnings"`
	RecordNumber uint64    `json:"record_number"`
	PreviousHash string    `json:"previous_hash"`
	Anchor       struct {
		Status      string `json:"status"`
		SaleHash    string `json:"sale_hash"`
		ProofURL    string `json:"proof_url"`
		BatchID     string `json:"batch_id"`
		BlockNumber string `json:"block_number"`
	} `json:"anchor"`
	Promise    string `json:"promise"`
	ReceiptURL string `json:"receipt_url"`
}

type warning struct {
	Code   refusal.Code `json:"code"`
	SaleID string       `json:"sale_id"`
}

func newKey() string { return uuid.NewString() }

func (t *till) do(method, path, body string, headers ...string) reply {
	t.t.Helper()
	r, err := t.try(method, path, body, headers...)
	require.NoError(t.t, err)
	return r
}

// try sends a request; see request.
func (t *till) try(method, path, body string, headers ...string) (reply, error) {
	req, err := t.request(method, path, body, headers...)
	if err != nil {
		return reply{}, err
	}
	return exchange(req)
}

// request makes a request of the till's; headers are name, value pairs, and an empty value removes a default. One without a key sends none.
func (t *till) request(method, path, body string, headers ...string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, t.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	if t.key != "" {
		req.Header.Set("Authorization", "Bearer "+t.key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return req, nil
}

// send sends a request as it is.
func (t *till) send(req *http.Request) reply {
	t.t.Helper()
	r, err := exchange(req)
	require.NoError(t.t, err)
	return r
}

func exchange(req *http.Request) (reply, error) { return exchangeBy(http.DefaultClient, req) }

func exchangeBy(client *http.Client, req *http.Request) (reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, read}, err
}

// post records once, whatever comes of it.
func (t *till) post(key, body string) reply {
	t.t.Helper()
	return t.do(http.MethodPost, "/record", body, "Idempotency-Key", key)
}

// insist records as a till does, which sends the same key again after a 503: a busy machine answers that.
func (t *till) insist(key, body string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	for {
		r, err := t.try(http.MethodPost, "/record", body, "Idempotency-Key", key)
		if err != nil || r.Status != http.StatusServiceUnavailable {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, nil
		case <-time.After(askAgain):
		}
	}
}

// sell records and expects a 201.
func (t *till) sell(key, body string) (reply, answer) {
	t.t.Helper()
	r, err := t.insist(key, body)
	require.NoError(t.t, err)
	require.Equal(t.t, http.StatusCreated, r.Status, "%s", r.Body)
	return r, read[answer](t.t, r)
}

func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var out T
	require.NoError(t, json.Unmarshal(r.Body, &out), "%s", r.Body)
	return out
}

// refuses expects a problem, and returns its fields.
func refuses(t *testing.T, r reply, status int, code refusal.Code) []refusal.Field {
	t.Helper()
	require.Equal(t, status, r.Status, "%s", r.Body)
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
	p := read[struct {
		Type, Title, Detail string
		Status              int
		Code                refusal.Code
		Errors              []refusal.Field
	}](t, r)
	require.Equal(t, code, p.Code)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Type)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		require.NotEmpty(t, r.Header.Get("Retry-After"))
	}
	return p.Errors
}

// claim puts another gateway's claim into Redis.
