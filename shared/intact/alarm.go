package intact

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// What was altered, the label of tillseal_altered_total.
const (
	Sale    = "sale"
	Answer  = "answer"
	Account = "account"
	Head    = "head"
	Refunds = "refunds"
	Chain   = "chain"
	Journal = "journal"
	Closing = "closing"
)

// Limits of the lines of one kind: whoever asks for an altered sale again and again fills no log. Each is counted.
const (
	alarmEvery = time.Second
	alarmBurst = 100
)

// Alarm counts what was found altered and logs it, with ids and no data. It is safe for concurrent use.
type Alarm struct {
	log   *slog.Logger
	total *prometheus.CounterVec
	seen  map[string]*rate.Limiter
}

// NewAlarm registers the metric, with a zero for each kind that its service can find.
func NewAlarm(log *slog.Logger, registry prometheus.Registerer, kinds ...string) *Alarm {
	a := &Alarm{log: log, seen: make(map[string]*rate.Limiter), total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tillseal_altered_total", Help: "Times that something about to be used was found changed behind the services' back: an alarm.",
	}, []string{"what"})}
	for _, what := range kinds { // an alarm on an increase needs the zero before
		a.total.WithLabelValues(what)
		a.seen[what] = rate.NewLimiter(rate.Every(alarmEvery), alarmBurst)
	}
	registry.MustRegister(a.total)
	return a
}

// Raise raises the alarm about one of the kinds that NewAlarm was given; ids say of what, as slog takes them.
func (a *Alarm) Raise(what string, ids ...any) {
	a.total.WithLabelValues(what).Inc()
	if a.seen[what].Allow() {
		a.line(what, ids)
	}
}

func (a *Alarm) line(what string, ids []any) {
	switch what {
	case Sale:
		a.log.Error("ALARM: a sale's row no longer matches its sale_hash or its promise: it was changed behind the services' back, and is not used", ids...)
	case Answer:
		a.log.Error("ALARM: a sale's stored answer is not what its row says: it was changed behind the services' back, and is not given", ids...)
	case Account:
		a.log.Error("ALARM: a customer's account is not what its last record says: it was changed behind the services' back, and is not built on", ids...)
	case Head:
		a.log.Error("ALARM: a terminal's head is not its last record: it was changed behind the services' back, and is not built on", ids...)
	case Refunds:
		a.log.Error("ALARM: what is kept of a sale's refunds is not what they come to: it was changed behind the services' back, and is not built on", ids...)
	case Chain:
		a.log.Error("ALARM: a terminal's records cannot be added up: they were changed behind the services' back, and are not closed", ids...)
	case Journal:
		a.log.Error("ALARM: the anchor's journal is not what was anchored of a sale: it was changed behind the services' back, and proves nothing", ids...)
	case Closing:
		a.log.Error("ALARM: a closing's row is not the closing that it should be: it was changed behind the services' back and is not published", ids...)
	}
}
