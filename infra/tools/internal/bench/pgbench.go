package bench

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

//go:embed sql/sale.sql
var saleScript string

// pgbenchThreads is as many as there are cores for it and Postgres together.
const pgbenchThreads = 2

var (
	tpsLine     = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)
	latencyLine = regexp.MustCompile(`(?m)^latency average = ([0-9.]+) ms`)
	failedLine  = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`) // of Postgres 15 and later; before it a failure ends pgbench
	countLine   = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
)

// pgbench runs the script with clients side by side on customers 1 to last, with prepared statements, its fastest way.
func (r *rig) pgbench(ctx context.Context, clients, last int) (result, error) {
	script := filepath.Join(r.dir, "sale.sql")
	if err := os.WriteFile(script, []byte(saleScript), 0o600); err != nil {
		return result{}, err
	}
	run := func(length time.Duration) ([]byte, *exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(r.tools.Postgres, "pgbench"), //nolint:gosec // Postgres's own program
			"--no-vacuum", "--protocol=prepared", "--file="+script,
			"--client="+strconv.Itoa(clients), "--jobs="+strconv.Itoa(min(clients, pgbenchThreads)), "--time="+strconv.Itoa(int(length.Seconds())),
			"--define=first=1", "--define=last="+strconv.Itoa(last), "--define=terminals="+strconv.Itoa(terminals),
			"--define=request="+string(body(1)), "--define=answer="+typicalAnswer)
		cmd.Env = []string{
			"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(r.postgres.Port()), "PGUSER=" + roleGateway, "PGPASSWORD=" + password, "PGDATABASE=" + dbPgbench,
			"PGSSLMODE=disable",
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		return out, cmd, err
	}
	if r.cfg.WarmUp > 0 {
		if out, _, err := run(r.cfg.warmUp()); err != nil {
			return result{}, fmt.Errorf("pgbench: %w: %s", err, out)
		}
	}
	before := r.usage()
	out, cmd, err := run(r.cfg.length())
	if err != nil {
		return result{}, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	used := r.usage().since(before)
	used["client"] = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return readPgbench(out, used)
}

func readPgbench(out []byte, used usage) (result, error) {
	tps, latency, count := tpsLine.FindSubmatch(out), latencyLine.FindSubmatch(out), countLine.FindSubmatch(out)
	if count != nil && string(count[1]) == "0" { // which says no more
		return result{CPU: used.perSale(0)}, nil
	}
	if tps == nil || latency == nil || count == nil {
		return result{}, fmt.Errorf("pgbench answered without its figures: %s", out)
	}
	const bits = 64
	var res result
	var errs [4]error
	res.PerSecond, errs[0] = strconv.ParseFloat(string(tps[1]), bits)
	millis, err := strconv.ParseFloat(string(latency[1]), bits)
	errs[1] = err
	res.Sales, errs[2] = strconv.ParseInt(string(count[1]), 10, bits)
	if failed := failedLine.FindSubmatch(out); failed != nil {
		res.Failed, errs[3] = strconv.ParseInt(string(failed[1]), 10, bits)
	}
	res.MeanUS = millis * 1000
	res.CPU = used.perSale(res.Sales)
	return res, errors.Join(errs[:]...)
}
