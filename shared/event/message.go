package event

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/shared/fault"
)

// Subjects. Store ids are tokens of a subject, sale ids never: a unique subject costs the server memory for ever.
const (
	SubjectRecorded = "sales.v1.recorded"
	SubjectPriced   = "sales.v1.priced"
	SubjectAnchored = "sales.v1.anchored"
	SubjectParked   = "sales.v1.dlq"
	SubjectClosed   = "sales.v1.closed"
	SubjectBatches  = "batches.v1"
	SubjectAudit    = "audit.v1"
)

// Headers of CloudEvents 1.0 over NATS in binary mode. nats.Header is case-sensitive and does not canonicalize these.
const (
	headerID          = "ce-id"
	headerSource      = "ce-source"
	headerSpecVersion = "ce-specversion"
	headerType        = "ce-type"
	headerSubject     = "ce-subject"
	headerTime        = "ce-time"
	headerContentType = "content-type"
	headerTraceparent = "traceparent" // W3C Trace Context, in lower case
)

// Trace is a W3C traceparent; "" starts a new one.
type Trace string

// NewTrace starts a trace.
func NewTrace() Trace {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return Trace("00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01")
}

// Recorded makes the message of a SaleRecorded. generation distinguishes a repair from the first publishing: it is in the Nats-Msg-Id
// alone, or the dedupe window would swallow the repair.
func Recorded(e SaleRecorded, source string, generation int, trace Trace) *nats.Msg {
	return message(SubjectRecorded+"."+e.StoreID, e, envelope{
		id: e.SaleID + "/recorded", source: source, kind: "tillseal.sale.recorded.v1", subject: e.SaleID, at: e.RecordedAt, generation: generation, trace: trace,
	})
}

// Priced makes the message of a SalePriced; the generation and the trace are the SaleRecorded's, so that a repair passes this stream's
// dedupe window too.
func Priced(e SalePriced, at time.Time, generation int, trace Trace) *nats.Msg {
	return message(SubjectPriced+"."+e.StoreID, e, envelope{
		id: e.SaleID + "/priced", source: "pricing", kind: "tillseal.sale.priced.v1", subject: e.SaleID, at: stamp(at), generation: generation, trace: trace,
	})
}

// Anchored makes the message of a SaleAnchored. The generation is that of the announcement: a batch that was mined again after a reorg is
// announced again.
func Anchored(e SaleAnchored, at time.Time, generation int) *nats.Msg {
	return message(SubjectAnchored+"."+e.StoreID, e, envelope{
		id: e.SaleID + "/anchored", source: "anchor", kind: "tillseal.sale.anchored.v1", subject: e.SaleID, at: stamp(at), generation: generation,
	})
}

// BatchMoved makes the message of a batch's new state.
func BatchMoved(e Batch) *nats.Msg { return BatchMovedAgain(e, 0) }

// BatchMovedAgain makes a message that announces a batch's state once more, past the dedupe window.
func BatchMovedAgain(e Batch, generation int) *nats.Msg {
	batch := strconv.FormatInt(e.Deployment, 10) + "/" + strconv.FormatUint(e.BatchID, 10)
	return message(SubjectBatches+"."+string(e.State), e, envelope{
		id:     batch + "/" + strconv.FormatInt(e.Sequence, 10),
		source: "anchor", kind: "tillseal.batch." + string(e.State) + ".v1", subject: batch, at: e.At, generation: generation,
	})
}

// AuditFound makes the message of something that the audit found. One that was cleared and is found again has another time.
func AuditFound(e AuditFinding) *nats.Msg {
	return message(SubjectAudit+".finding", e, envelope{
		id: e.Finding + "/" + e.FoundAt, source: "ledger", kind: "tillseal.audit.finding.v1", subject: e.SaleID, at: e.FoundAt,
	})
}

// ParkedBy makes the message that takes a poisonous one to SALES_DLQ. stored is when its stream stored it, the zero time when that is not
// known: a stream that is recreated uses the same sequences again.
func ParkedBy(e Parked, stored time.Time) *nats.Msg {
	generation := 0
	if !stored.IsZero() {
		generation = int(stored.UnixMicro())
	}
	return message(SubjectParked+"."+e.Service, e, envelope{
		id:     e.Stream + "/" + strconv.FormatUint(e.Sequence, 10) + "/parked",
		source: e.Service, kind: "tillseal.parked.v1", subject: e.SaleID, at: e.At, generation: generation,
	})
}

type envelope struct {
	id, source, kind, subject, at string
	generation                    int
	trace                         Trace
}

func message(subject string, body any, env envelope) *nats.Msg {
	data, err := PlainJSON(body) // escaped, a longest record of < alone would be six times as long, and larger than what NATS takes
	if err != nil {
		panic("event: a wire type does not marshal: " + err.Error()) // only strings, numbers and hashes
	}
	if env.trace == "" {
		env.trace = NewTrace()
	}
	id := env.id
	if env.generation > 0 {
		id += "#" + strconv.Itoa(env.generation)
	}
	headers := [...]struct{ key, value string }{
		{headerID, env.id},
		{headerSource, "tillseal/" + env.source},
		{headerSpecVersion, "1.0"},
		{headerType, env.kind},
		{headerSubject, env.subject},
		{headerTime, env.at},
		{headerContentType, "application/json"},
		{headerTraceparent, string(env.trace)},
		{nats.MsgIdHdr, id},
	}
	msg := &nats.Msg{Subject: subject, Data: data, Header: make(nats.Header, len(headers))}
	values := make([]string, len(headers)) // of all headers: one allocation, and one for the map
	for i, h := range headers {
		if values[i] = h.value; h.value != "" {
			msg.Header[h.key] = values[i : i+1 : i+1]
		}
	}
	return msg
}

// Decode reads a body into a wire type. Unknown members pass, since v1 may add some; anything else is Invalid, also a hash that is not in its
// canonical form: what is stored or compared as text must have one form only.
func Decode[T any](data []byte) (T, error) {
	var e T
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fault.New(fault.Invalid, "the body is not a %T: %w", e, err)
	}
	if hashed, ok := any(&e).(interface{ hashes() []common.Hash }); ok {
		for _, hash := range hashed.hashes() {
			if hash != (common.Hash{}) && !bytes.Contains(data, []byte(`"`+hash.Hex()+`"`)) {
				return e, fault.New(fault.Invalid, "a hash is not written as 0x and 64 hexadecimal digits in lower case")
			}
		}
	}
	return e, nil
}

// TraceOf returns a message's trace, "" without one.
func TraceOf(h nats.Header) Trace { return Trace(first(h, headerTraceparent)) }

// SubjectOf returns a message's ce-subject: the sale's id for sale events.
func SubjectOf(h nats.Header) string { return first(h, headerSubject) }

// GenerationOf returns the generation in a message's Nats-Msg-Id, 0 for a first publishing or an id of another form.
func GenerationOf(h nats.Header) int {
	_, text, _ := strings.Cut(first(h, nats.MsgIdHdr), "#")
	generation, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(generation) != text {
		return 0
	}
	return max(generation, 0)
}

// TimeOf returns a message's ce-time: when its writer made it, however often it is delivered. Without one it is Invalid.
func TimeOf(h nats.Header) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, first(h, headerTime))
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "%s is not an RFC 3339 time", headerTime)
	}
	return at, nil
}

func first(h nats.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return strings.TrimSpace(v[0])
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
