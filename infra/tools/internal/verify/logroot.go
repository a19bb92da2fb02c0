package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/batchlog"
)

// route is how the batch's path in the contract's log was come by.
type route struct {
	by    string // whose path it is; "" when there is none
	path  []common.Hash
	other *batchlog.Batch // what the log has at the batch's id instead
	tried []string        // which sources gave no path, and why
}

func (r route) found() bool { return r.by != "" }

// unused names the sources that gave no path; "" when none was tried in vain.
func (r route) unused() string {
	if len(r.tried) == 0 {
		return ""
	}
	return " (" + strings.Join(r.tried, "; ") + ")"
}

// askLogRoot reads the contract's log at the head and looks for the batch's path in it: the proof's own where the log is as it was
// then, otherwise the gateway's, otherwise one that is rebuilt from the contract's events.
func askLogRoot(ctx context.Context, from sources, p proof, v *view) (err error) {
	if v.log, err = from.ReadLog(ctx, p.contract, v.head); err != nil {
		return err
	}
	if v.log.Size < p.batchID {
		return nil
	}
	if v.route, err = from.findPath(ctx, p, *v); err != nil {
		return err
	}
	v.note = fmt.Sprintf(": %s, in a log of size %d%s", v.route.by, v.log.Size, v.route.unused())
	return nil
}

// findPath fails only when it is interrupted: a source without a path leaves its place to the next.
func (s sources) findPath(ctx context.Context, p proof, v view) (r route, err error) {
	if p.logSize == v.log.Size && p.Log.Root == v.log.Root {
		return route{by: "the proof's own path", path: p.Log.Path}, nil
	}
	if s.Gateway != nil {
		path, err := s.Gateway.path(ctx, p, v.log)
		if err == nil {
			return route{by: "the gateway's path", path: path}, nil
		}
		r.tried = append(r.tried, "gateway: "+err.Error())
	}
	if ctx.Err() == nil {
		path, other, err := s.rebuild(ctx, p, v)
		if err == nil {
			return route{by: "a path rebuilt from the contract's events", path: path, other: other, tried: r.tried}, nil
		}
		r.tried = append(r.tried, "events: "+err.Error())
	}
	if ctx.Err() != nil {
		return r, errors.New(node.Reason(ctx.Err()))
	}
	return r, nil
}
