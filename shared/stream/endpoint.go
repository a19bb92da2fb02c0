package stream

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

// Endpoint is one request that a service answers over NATS, JSON in and out.
type Endpoint struct {
	Subject     string // ops.<service>.<noun>.<verb>, or a read such as ledger.sales.get
	Description string
	Request     string        // an example of the request's JSON, "" for none; the schemas come from the types
	Response    string        // an example of the answer's JSON
	Within      time.Duration // how long one request may take; 0 for endpointTimeout

	answer  func(ctx context.Context, data []byte) (any, error)
	schemas func() (request, response string, err error)
}

// Stats is what a service adds to the STATS of each of its endpoints: the state of the streams that it reads or writes, and the outcomes of
// the endpoint's requests, since micro itself counts only those that were begun.
type Stats struct {
	Streams      []Standing `json:"streams"`
	Answered     uint64     `json:"answered"`
	Refused      uint64     `json:"refused"`      // the caller's fault
	Failed       uint64     `json:"failed"`       // our fault, or too many at once
	Milliseconds int64      `json:"milliseconds"` // spent on all of them
}

// tally counts an endpoint's requests.
type tally struct {
	answered, refused, failed atomic.Uint64
	spent                     atomic.Int64 // nanoseconds
}

const (
	serviceVersion     = "1.0.0"
	endpointTimeout    = 10 * time.Second
	endpointConcurrent = 64          // requests of one endpoint being answered; more are refused as busy
	endpointMaxRequest = 1 << 20     // NATS's default message size
	noInboxEvery       = time.Minute // between two log lines about requests without an inbox
)

// Answers makes an endpoint from a typed function. A request that is not a Req, or has members that a Req lacks, is refused as Invalid.
func Answers[Req, Res any](e Endpoint, answer func(ctx context.Context, req Req) (Res, error)) Endpoint {
	return AnswersBody[Req, Res](e, func(ctx context.Context, data []byte) (any, error) {
		var req Req
		if len(bytes.TrimSpace(data)) == 0 {
			data = []byte("{}")
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&req); err != nil {
			return nil, fault.New(fault.Invalid, "the request must look like %s: %w", e.Request, err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "the request must look like %s: something follows the JSON value", e.Request)
		}
		return answer(ctx, req)
	})
}

// AnswersBody makes an endpoint from a function that reads the request's bytes itself, since they are what is kept. Req and Res are what they
// and its answer look like.
func AnswersBody[Req, Res any](e Endpoint, answer func(ctx context.Context, body []byte) (any, error)) Endpoint {
	e.answer = answer
	e.schemas = func() (request, response string, err error) {
		if request, err = schema[Req](); err == nil {
			response, err = schema[Res]()
		}
		return request, response, err
	}
	return e
}

// Serve offers endpoints as the NATS micro service with this bus's name until the returned function is called. Every replica answers from
// one queue. All that time it checks the streams that the service reads or writes, and raises an alarm when unread messages come close to
// their limits.
func (b *Bus) Serve(ctx context.Context, description string, endpoints ...Endpoint) (stop func(), err error) {
	tallies := make(map[string]*tally, len(endpoints))
	for _, e := range endpoints {
		tallies[e.Subject] = &tally{}
	}
	service, err := micro.AddService(b.Conn, micro.Config{
		Name: b.service, Version: serviceVersion, Description: description, QueueGroup: b.service,
		Metadata:     map[string]string{metaSchema: strconv.Itoa(schemaVersion), "tillseal.streams": streamsOf(b.service)},
		StatsHandler: func(e *micro.Endpoint) any { return b.stats(ctx, tallies[e.Subject]) },
	})
	if err != nil {
		return nil, fault.New(fault.Fatal, "offer the micro service %s: %w", b.service, err)
	}
	for _, e := range endpoints {
		request, response, err := e.schemas()
		if err == nil {
			err = service.AddEndpoint(endpointName(e.Subject), b.handler(ctx, e, tallies[e.Subject]), micro.WithEndpointSubject(e.Subject),
				micro.WithEndpointMetadata(map[string]string{
					"description": e.Description, "request": e.Request, "response": e.Response, "request_schema": request, "response_schema": response,
				}))
		}
		if err != nil {
			return nil, fault.New(fault.Fatal, "offer %s: %w", e.Subject, errors.Join(err, service.Stop()))
		}
	}
	if err := b.Conn.FlushTimeout(drainTimeout); err != nil { // or a request that follows at once finds no responder
		b.log.Warn("the endpoints may not be known to NATS yet", "error", err)
	}
	checking, stopChecking := context.WithCancel(ctx)
	var checks sync.WaitGroup
	checks.Go(func() { b.keepChecking(checking) })
	return func() {
		stopChecking()
		checks.Wait()
		if err := service.Stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			b.log.Warn("the micro service did not stop cleanly", "error", err)
		}
	}, nil
}

// streamsOf names the streams that a service reads or writes.
func streamsOf(service string) string {
	names := make([]string, 0, len(specs))
	for _, s := range watched(service) {
		names = append(names, s.name)
	}
	return strings.Join(names, ",")
}

func (b *Bus) stats(ctx context.Context, t *tally) Stats {
	if t == nil {
		t = &tally{}
	}
	return Stats{
		Streams: b.Standings(ctx), Answered: t.answered.Load(), Refused: t.refused.Load(), Failed: t.failed.Load(),
		Milliseconds: time.Duration(t.spent.Load()).Milliseconds(),
	}
}

// handler answers requests that name an inbox for the answer, and ignores all others. A client can make JetStream send a message, or an
// empty status, to any subject, whatever the client's own rights. Such a message has no reply subject, or one for acknowledgements, so it is
// never taken for a request.
func (b *Bus) handler(ctx context.Context, e Endpoint, t *tally) micro.Handler {
	slots := make(chan struct{}, endpointConcurrent)
	noInbox := rate.Sometimes{First: 1, Interval: noInboxEvery}
	return micro.HandlerFunc(func(req micro.Request) {
		if !strings.HasPrefix(req.Reply(), nats.InboxPrefix) {
			t.refused.Add(1)
			noInbox.Do(func() {
				b.log.Error("ALARM: a request without an inbox for its answer was ignored", "subject", e.Subject)
			})
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			t.failed.Add(1)
			b.sent(req.Error("503", "too many requests at once", nil))
			return
		}
		go func() { // micro calls handlers one after another; a slow one must not hold up the next
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, cmp.Or(e.Within, endpointTimeout))
			defer cancel()
			began := time.Now()
			reply := b.respond(ctx, e, req)
			t.spent.Add(int64(time.Since(began)))
			switch code := reply.Header.Get(micro.ErrorCodeHeader); {
			case code == "":
				t.answered.Add(1)
			case code < "500":
				t.refused.Add(1)
			default:
				t.failed.Add(1)
			}
			b.sent(b.Conn.PublishMsg(reply))
		}()
	})
}

// respond makes the reply. The handler publishes it without micro, whose own Error would write a field that micro reads once the handler has
// returned: a data race, since the handler has returned by then.
func (b *Bus) respond(ctx context.Context, e Endpoint, req micro.Request) *nats.Msg {
	reply := nats.NewMsg(req.Reply())
	refuse := func(code, text string) *nats.Msg {
		reply.Header.Set(micro.ErrorCodeHeader, code)
		reply.Header.Set(micro.ErrorHeader, text)
		return reply
	}
	if len(req.Data()) > endpointMaxRequest {
		return refuse("400", "the request is too large")
	}
	answer, err := e.answer(ctx, req.Data())
	if err == nil {
		reply.Data, err = event.PlainJSON(answer)
	}
	if err == nil {
		if err := b.Fits(reply); err != nil {
			reply.Data = nil
			return refuse("409", "the answer is too large, ask for less: "+err.Error())
		}
		return reply
	}
	if code := CodeOf(err); code != "" {
		reply.Header.Set(codeHeader, code)
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Forged:
		return refuse("400", err.Error())
	case fault.Conflict:
		return refuse("409", err.Error())
	case fault.Transient:
		b.log.Warn("request failed", "subject", e.Subject, "error", err)
		return refuse("503", "a dependency is unavailable: try again")
	case fault.Fatal, fault.Unknown:
	}
	b.log.Error("request failed", "subject", e.Subject, "error", err)
	return refuse("500", "internal error")
}

// codeHeader holds a refusal's code, for programs, where there are several of a kind.
const codeHeader = "Tillseal-Error-Code"

// coded is an error with a code.
type coded struct {
	error
	code string
}

func (c *coded) Unwrap() error { return c.error }

// Coded gives a refusal a code, which its caller gets with it; "" is none.
func Coded(code string, err error) error {
	if code == "" {
		return err
	}
	return &coded{err, code}
}

// CodeOf is the code of a refusal, "" for none.
func CodeOf(err error) string {
	if c, ok := errors.AsType[*coded](err); ok {
		return c.code
	}
	return ""
}

func endpointName(subject string) string {
	name := []byte(subject)
	for i, c := range name {
		if c == '.' {
			name[i] = '-'
		}
	}
	return string(name)
}

// Ask sends a request to an endpoint and reads its answer. What the endpoint refuses is Invalid or Conflict; no answer,
// a busy one or a failure is Transient.
func Ask[Res any](ctx context.Context, b *Bus, subject string, request any) (Res, error) {
	var res Res
	data, err := json.Marshal(request)
	if err != nil {
		return res, fault.New(fault.Invalid, "write the request to %s: %w", subject, err)
	}
	msg, err := b.Conn.RequestWithContext(ctx, subject, data)
	if err != nil {
		return res, fault.New(fault.Transient, "ask %s: %w", subject, err)
	}
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		text := msg.Header.Get(micro.ErrorHeader)
		switch code {
		case "400":
			return res, fault.New(fault.Invalid, "%s", text)
		case "409":
			return res, Coded(msg.Header.Get(codeHeader), fault.New(fault.Conflict, "%s", text))
		}
		return res, fault.New(fault.Transient, "%s answered %s: %s", subject, code, text)
	}
	if err := json.Unmarshal(msg.Data, &res); err != nil {
		return res, fault.New(fault.Transient, "read the answer of %s: %w", subject, err)
	}
	return res, nil
}
