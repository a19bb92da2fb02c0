package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is one measurement.
type report struct {
	At       time.Time `json:"at"`
	Machine  Machine   `json:"machine"`
	Seconds  int       `json:"seconds"`
	Rounds   int       `json:"rounds"`
	Rate     int       `json:"open_loop_rate"`
	Preload  int       `json:"preload"`
	MemoryMB int       `json:"gateway_memory_mb"` // the most it had in memory
	Runs     []result  `json:"runs"`
	Medians  []result  `json:"medians"`
	Figures  []figure  `json:"figures"`
}

// figure is a ratio that was promised.
type figure struct {
	Name   string `json:"name"`
	Value  number `json:"value"`
	Target number `json:"target"`
	AtMost bool   `json:"at_most"`
	Short  bool   `json:"rate_fell_short"` // of the rate that its name has
	Met    bool   `json:"met"`
}

func (r result) String() string {
	latency := fmt.Sprintf("mean %.2f ms", r.MeanUS/1000)
	if r.P99US > 0 {
		latency = fmt.Sprintf("p50 %.1f, p99 %.1f, p99.9 %.1f ms", r.P50US/1000, r.P99US/1000, r.P999US/1000)
	}
	cpu := make([]string, 0, len(r.CPU))
	for _, name := range slices.Sorted(maps.Keys(r.CPU)) {
		cpu = append(cpu, fmt.Sprintf("%s %.0f", name, r.CPU[name]))
	}
	failed, offered := "", ""
	if r.Failed > 0 {
		failed = fmt.Sprintf(", %d not recorded", r.Failed)
	}
	if r.fellShort() {
		offered = fmt.Sprintf(" of %.0f/s offered", r.Offered)
	}
	return fmt.Sprintf("%-48s %7.0f/s%s, %s%s; CPU µs a sale: %s", r.Name, r.PerSecond, offered, latency, failed, strings.Join(cpu, ", "))
}

// medians takes, for each kind of run, the one in the middle by its rate; an open loop's by its p99, since what it keeps up with is
// what it was offered.
func (p *report) medians() map[string]result {
	byName := make(map[string][]result)
	var order []string
	for _, r := range p.Runs {
		if byName[r.Name] == nil {
			order = append(order, r.Name)
		}
		byName[r.Name] = append(byName[r.Name], r)
	}
	middle := make(map[string]result)
	p.Medians = nil
	for _, name := range order {
		runs := byName[name]
		slices.SortFunc(runs, func(a, b result) int {
			if name == runOpen || name == runPipeline || name == runReceipts {
				return cmp.Compare(a.P99US, b.P99US)
			}
			return cmp.Compare(a.PerSecond, b.PerSecond)
		})
		middle[name] = runs[len(runs)/2]
		p.Medians = append(p.Medians, middle[name])
	}
	return middle
}

// figures are what was promised. What was not run is left out; what was promised at a rate is not met at a lower one.
func (p *report) figures() {
	m := p.medians()
	p.Figures = nil
	add := func(f figure) {
		if f.Met = f.Value >= f.Target; f.AtMost {
			f.Met = f.Value <= f.Target && !f.Short
		}
		p.Figures = append(p.Figures, f)
	}
	rate := func(name, above, below string, target number) {
		a, hasA := m[above]
		b, hasB := m[below]
		if hasA && hasB && b.PerSecond > 0 {
			add(figure{Name: name, Value: a.PerSecond / b.PerSecond, Target: target})
		}
	}
	rate("gateway at 256 connections ÷ pgbench one by one (64 clients)", runSpread, runPgbench, 2.5)
	rate("hot customer: gateway ÷ pgbench", runHot, runPgbenchHot, 10)
	rate("gateway: hot customer ÷ spread", runHot, runSpread, 0.8)
	rate(fmt.Sprintf("gateway: one terminal ÷ %d terminals", terminals), runOneTill, runSpread, 0.8)
	if long, none := m[runSlip], m[runPlain]; long.Sales > 0 && none.Sales > 0 {
		beyond := long.CPU["gateway"] - none.CPU["gateway"]
		add(figure{Name: "30 lines with two taxes: the gateway's CPU beyond no line, µs", Value: beyond, Target: 300, AtMost: true})
	}
	if open, single := m[runOpen], m[runPgbenchSingle]; open.Sales > 0 && single.MeanUS > 0 {
		add(figure{
			Name: fmt.Sprintf("p99 at %d/s open loop ÷ pgbench's single-client mean", p.Rate), Value: open.P99US / single.MeanUS, Target: 8,
			AtMost: true, Short: open.fellShort(),
		})
	}
	if through := m[runPipeline]; through.Sales > 0 {
		add(figure{
			Name: fmt.Sprintf("at %d/s: 201 to leaf in the journal, p99 ms", p.Rate), Value: through.P99US / 1000, Target: 250, AtMost: true,
			Short: through.fellShort(),
		})
	}
	if shown := m[runReceipts]; shown.Sales > 0 {
		add(figure{
			Name: fmt.Sprintf("at %d/s: a receipt's page to its first byte, p99 ms", p.Rate), Value: shown.P99US / 1000, Target: 50, AtMost: true,
			Short: shown.fellShort(),
		})
	}
	rate(fmt.Sprintf("with %d sales preloaded ÷ empty", p.Preload), runFull, runEmpty, 0.85)
	rate("Redis down ÷ up", runNoRedis, runSpread, 0.9)
	if p.MemoryMB > 0 {
		add(figure{Name: "gateway's memory at full load, MB", Value: number(p.MemoryMB), Target: 150, AtMost: true})
	}
}

func (p *report) save(path string) error {
	p.figures()
	content, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o600)
}

// print writes the tables, in Markdown so that infra/docs/PERFORMANCE.md can carry them.
func (p *report) print(out io.Writer) error {
	p.figures()
	m := p.Machine
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) } // Flush returns the error
	line("\n%s: %s, %d cores, %d MB, Linux %s, Postgres %s, %s; one flushed write takes %d µs", p.At.Format(time.DateTime), m.CPU, m.Cores, m.MemoryMB,
		m.Kernel, m.Postgres, m.Go, m.SyncUS)
	line("Every server and the load share these cores. Medians of %d runs of %d s each, in turn.\n", p.Rounds, p.Seconds)
	line("| Figure\t| Measured\t| Target\t| Met\t|")
	line("|---\t|---\t|---\t|---\t|")
	for _, f := range p.Figures {
		word, met := "at least", "yes"
		if f.AtMost {
			word = "at most"
		}
		if !f.Met {
			met = "no"
		}
		line("| %s\t| %.2f\t| %s %g\t| %s\t|", f.Name, f.Value, word, f.Target, met)
	}
	for _, r := range p.Runs {
		if r.fellShort() {
			line("\nThe load did not keep up: of %.0f/s offered to %q %.0f/s were answered, over %.1f s. Its times are of a queue that grew.", r.Offered,
				r.Name, r.PerSecond, r.Seconds)
		}
	}
	line("")
	line("| Run\t| sales/s\t| mean ms\t| p50\t| p99\t| p99.9\t| CPU µs a sale: gateway\t| postgres\t| redis\t| nats\t| client\t|")
	line("|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	millis := func(us number) string {
		if us == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", us/1000)
	}
	for _, r := range p.Medians {
		c := r.CPU
		line("| %s\t| %.0f\t| %s\t| %s\t| %s\t| %s\t| %.0f\t| %.0f\t| %.0f\t| %.0f\t| %.0f\t|", r.Name, r.PerSecond,
			millis(r.MeanUS), millis(r.P50US), millis(r.P99US), millis(r.P999US), c["gateway"], c["postgres"], c["redis"], c["nats"], c["client"])
	}
	return w.Flush()
}
