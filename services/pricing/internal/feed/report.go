package feed

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/money"
)

// How often changes are checked for, and how often the log repeats that a currency has no market price.
const (
	reportEvery = time.Second
	remindEvery = time.Minute
)

// standing is how a currency is priced, as the log reports it.
type standing struct {
	currency string
	tier     quote.Tier // "" for none
	reason   string     // why it is not live
	asked    bool       // sources are asked for it
	doubted  string
	alone    string    // the one source that live depends on; "" for more
	of       int       // sources that quote it
	at       time.Time // when its tier was logged last
}

// bad is a currency that needs a person: its rate is one that a person once set, or it has none.
func (s standing) bad() bool { return s.tier == quote.Static || s.tier == "" }

// report logs what changed, and every minute which currencies are priced at a rate that a person once set, or not at all: those that sources are
// asked for, and those that have nothing but RATE_STATIC.
func (p *Poller) report() {
	p.reporting.Lock()
	defer p.reporting.Unlock()
	now := p.cfg.Now()
	all, remind := p.standings(now), false
	for _, s := range all {
		before, known := p.reported[s.currency]
		remind = remind || known && s.bad() && now.Sub(before.at) >= remindEvery
		p.reportSources(s, before)
	}
	var lines [][]standing // those with the same message share a line
	for _, s := range all {
		before, known := p.reported[s.currency]
		if s.at = before.at; !known || s.tier != before.tier || remind && s.bad() {
			s.at = now
			same := slices.IndexFunc(lines, func(l []standing) bool {
				return l[0].tier == s.tier && l[0].reason == s.reason && l[0].asked == s.asked
			})
			if same < 0 {
				lines, same = append(lines, nil), len(lines)
			}
			lines[same] = append(lines[same], s)
		}
		p.reported[s.currency] = s
	}
	for _, l := range lines {
		p.reportTier(l)
	}
}

// standings are those of every currency that is asked for or that a person set, in the order of their codes.
func (p *Poller) standings(now time.Time) []standing {
	currencies, verdicts := map[string]money.Currency{}, p.Verdicts()
	for code := range p.board.Tier(quote.Static) {
		if c, err := money.ParseCurrency(code); err == nil {
			currencies[code] = c
		}
	}
	for _, c := range p.cfg.Currencies {
		currencies[c.Code()] = c
	}
	var all []standing
	for _, code := range slices.Sorted(maps.Keys(currencies)) {
		s := standing{currency: code, reason: "it is not one of RATE_CURRENCIES"}
		if len(p.feeds) == 0 {
			s.reason = "RATE_FEEDS is empty"
		}
		if v, asked := verdicts[code]; asked {
			s.asked, s.reason, s.of, s.doubted = true, v.Reason, v.Sources, strings.Join(slices.Sorted(slices.Values(v.Doubted)), ",")
			if v.Alone {
				s.alone = v.Quote.Rate().Sources[0].Name
			}
		}
		if q, err := p.board.Quote(currencies[code], now); err == nil {
			s.tier = q.Tier()
		}
		all = append(all, s)
	}
	return all
}

func (p *Poller) reportSources(s, before standing) {
	if s.doubted != before.doubted && s.doubted != "" {
		p.log.Warn("a source is not believed", "currency", s.currency, "sources", s.doubted, "reason", s.reason)
	}
	if s.alone != before.alone && s.alone != "" {
		p.log.Warn("the live price depends on a single source", "currency", s.currency, "source", s.alone, "of", s.of)
	}
}

func (p *Poller) reportTier(same []standing) {
	codes := make([]string, len(same))
	for i, s := range same {
		codes[i] = s.currency
	}
	how := slog.Group("", "currencies", strings.Join(codes, ","), "reason", same[0].reason)
	switch same[0].tier {
	case quote.Live:
		p.log.Info("sales are priced live", how)
	case quote.Cached:
		p.log.Warn("sales are priced at the last good rate", how)
	case quote.Static:
		if !same[0].asked { // it was configured so
			p.log.Warn("NO MARKET PRICE: sales are priced at RATE_STATIC", how)
			break
		}
		p.log.Error("NO MARKET PRICE: sales are priced at RATE_STATIC", how)
	default:
		p.log.Error("NO PRICE AT ALL: sales are parked", how)
	}
}

// remind reports until ctx ends, whether sources are asked or not.
func (p *Poller) remind(ctx context.Context) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		p.report()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
