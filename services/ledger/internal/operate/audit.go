package operate

import (
	"context"
	"strings"
	"time"

	"github.com/tillseal/tillseal/services/ledger/internal/auditor"
	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

const maxFindings = 50 // of one answer, each of some 300 bytes

type auditStartRequest struct {
	Scope    string `json:"scope"` // full | since
	Operator string `json:"operator"`
	Anew     string `json:"anew"` // why what earlier audits have seen is asked for no more; "" for an audit that compares it
}

type auditStopRequest struct {
	Operator string `json:"operator"`
}

// auditAsked is an audit that was asked for, or asked to stop.
type auditAsked struct {
	Run   int64  `json:"run"`
	State string `json:"state"` // asked | running | stopped
}

// auditStatus is how the audits stand.
type auditStatus struct {
	Active   *auditRun            `json:"active,omitempty"` // that was asked for or runs
	Full     *auditRun            `json:"full,omitempty"`   // the last of everything that ended
	Since    *auditRun            `json:"since,omitempty"`  // the last of what came since that ended
	Open     map[audit.Kind]int64 `json:"open"`             // findings, by kind
	Findings []auditFound         `json:"findings"`         // the first of them
}

// auditRun is an audit; what does not apply yet is absent.
type auditRun struct {
	Run       int64    `json:"run"`
	Scope     string   `json:"scope"`              // full | since
	AskedBy   string   `json:"asked_by,omitempty"` // absent for the schedule
	Anew      *string  `json:"anew,omitempty"`     // why what earlier ones have seen was asked for no more
	AskedAt   moment   `json:"asked_at"`
	State     string   `json:"state"` // asked | running | clean | findings | failed | stopped
	StartedAt *moment  `json:"started_at,omitempty"`
	EndedAt   *moment  `json:"ended_at,omitempty"`
	StopBy    *string  `json:"stop_by,omitempty"`
	Part      *string  `json:"part,omitempty"` // what it is at, how many rows of that are done, and of about how many
	Done      *int64   `json:"done,omitempty"`
	OutOf     *int64   `json:"out_of,omitempty"`
	Why       *string  `json:"why,omitempty"` // it failed
	Completed *moment  `json:"completed_at,omitempty"`
	Records   int64    `json:"records,omitempty"`
	Entries   int64    `json:"entries,omitempty"`
	Batches   int64    `json:"batches,omitempty"`
	Closings  int64    `json:"closings,omitempty"`
	Skipped   []string `json:"skipped,omitempty"` // what was not checked, and why
}

type auditFound struct {
	ID      string `json:"finding"`
	Run     int64  `json:"run"`
	FoundAt moment `json:"found_at"`
	audit.Finding
}

func (d *Desk) auditEndpoints() []stream.Endpoint {
	const run = `{"run":7,"scope":"full","asked_at":"2026-11-22T03:00:04.000000Z","state":"clean","started_at":"2026-11-22T03:00:05.000000Z",` +
		`"ended_at":"2026-11-22T03:04:31.000000Z","completed_at":"2026-11-22T03:04:31.000000Z","records":1200000,"entries":800000,"batches":300,"closings":90}`
	return []stream.Endpoint{
		stream.Answers(stream.Endpoint{
			Subject: "ops.ledger.audit.start",
			Description: "Has the ledger audit everything (full), or what came after its last audit (since), as it does by itself at AUDIT_AT and each hour; " +
				"one at a time. anew says why what earlier audits have seen is asked for no more, after a restore for example",
			Request:  `{"scope":"full","operator":"asha"}, both optional, or {"scope":"full","operator":"asha","anew":"restored of 2026-11-22"}`,
			Response: `{"run":8,"state":"asked"}`,
		}, d.auditStart),
		stream.Answers(stream.Endpoint{
			Subject: "ops.ledger.audit.status", Description: "The audit that runs, the last ones, and what they found that is still open",
			Request: "{}", Response: `{"full":` + run + `,"open":{"record_altered":1},"findings":[{"finding":"5fec…","run":7,` +
				`"found_at":"2026-11-22T03:04:31.000000Z","kind":"record_altered","sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001","terminal_id":"t1",` +
				`"number":1042,"detail":"…"}]}`,
		}, d.auditStatus),
		stream.Answers(stream.Endpoint{
			Subject: "ops.ledger.audit.stop", Description: "Stops the audit that was asked for or runs; nothing is known of what it had not read",
			Request: `{"operator":"asha"}; optional`, Response: `{"run":8,"state":"running"}`,
		}, d.auditStop),
	}
}

func (d *Desk) auditStart(ctx context.Context, req auditStartRequest) (auditAsked, error) {
	if req.Scope == "" {
		req.Scope = auditor.Full
	}
	if req.Scope != auditor.Full && req.Scope != auditor.Since {
		return auditAsked{}, fault.New(fault.Invalid, "scope must be full or since")
	}
	by, err := operatorOf(req.Operator)
	if err != nil {
		return auditAsked{}, err
	}
	switch {
	case req.Anew == "":
	case req.Scope != auditor.Full:
		return auditAsked{}, fault.New(fault.Invalid, "anew goes with scope full only")
	case strings.TrimSpace(req.Operator) == "":
		return auditAsked{}, fault.New(fault.Invalid, "operator is missing: say who begins anew")
	default:
		if err := (decider{Reason: req.Anew}).check(); err != nil {
			return auditAsked{}, fault.New(fault.Invalid, "anew must say why in at most %d characters, without control characters", maxReason)
		}
	}
	run, err := d.Auditor.Start(ctx, auditor.Asked{Scope: req.Scope, By: by, Anew: req.Anew})
	if err == nil {
		d.Log.Info("an operator asked for an audit", "run", run, "scope", req.Scope, "operator", by, "anew", req.Anew)
	}
	return auditAsked{Run: run, State: "asked"}, err
}

func (d *Desk) auditStop(ctx context.Context, req auditStopRequest) (auditAsked, error) {
	by, err := operatorOf(req.Operator)
	if err != nil {
		return auditAsked{}, err
	}
	run, state, err := d.Auditor.Stop(ctx, by)
	if err == nil {
		d.Log.Info("an operator asked the audit to stop", "run", run, "operator", by)
	}
	return auditAsked{Run: run, State: state}, err
}

// operatorOf is who asks, and "an operator" where that is not said: "" is the schedule.
func operatorOf(name string) (string, error) {
	if strings.TrimSpace(name) == "" {
		return "an operator", nil
	}
	return name, decider{Operator: name}.check()
}

func (d *Desk) auditStatus(ctx context.Context, _ struct{}) (auditStatus, error) {
	seen, err := d.Auditor.Status(ctx, maxFindings)
	if err != nil {
		return auditStatus{}, err
	}
	answer := auditStatus{Open: seen.Open, Findings: []auditFound{}}
	answer.Active, answer.Full, answer.Since = ranOf(seen.Active), ranOf(seen.Ended[auditor.Full]), ranOf(seen.Ended[auditor.Since])
	for scope, r := range map[string]*auditRun{auditor.Full: answer.Full, auditor.Since: answer.Since} {
		if completed := seen.Completed[scope]; r != nil && completed != nil {
			r.Completed = momentIn(completed.EndedAt)
		}
	}
	for _, f := range seen.Findings {
		answer.Findings = append(answer.Findings, auditFound{ID: f.Finding, Run: f.Run, FoundAt: momentOf(f.FoundAt), Finding: f.Body})
	}
	return answer, nil
}

func ranOf(r *auditor.Ran) *auditRun {
	if r == nil {
		return nil
	}
	run := &auditRun{
		Run: r.Run, Scope: r.Scope, AskedBy: r.AskedBy, Anew: r.Anew, AskedAt: momentOf(r.AskedAt), State: r.State, StartedAt: momentIn(r.StartedAt),
		EndedAt: momentIn(r.EndedAt), StopBy: r.StopBy, Part: r.Part, Done: r.Done, OutOf: r.OutOf, Why: r.Why,
	}
	if s := r.Report; s != nil {
		run.Records, run.Entries, run.Batches, run.Closings, run.Skipped = s.Records, s.Entries, s.Batches, s.Closings, s.Skipped
	}
	return run
}

func momentIn(at *time.Time) *moment {
	if at == nil {
		return nil
	}
	return new(momentOf(*at))
}
