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

// How often the log is looked after, and how often it repeats that a currency has no price of this day.
const (
	tellEvery   = time.Second
	remindEvery = time.Minute
)

// standing is how a currency stands, as the log tells it.
type standing struct {
	currency string
	tier     quote.Tier // "" for none
	reason   string     // why it is not live
	asked    bool       // sources are asked for it
	doubted  string
	alone    string    // the one source that live rests on; "" for more
	of       int       // sources that quote it
	at       time.Time // when its tier was told last
}

// bad is a currency that a person must look at: its rate is one that a person once set, or it has none.
func (s standing) bad() bool { return s.tier == quote.Static || s.tier == "" }

// tell says what changed, and every minute which currencies are priced at a rate that a person once set, or not at all: those that
// sources are asked for, and those that have nothing but RATE_STATIC.
func (p *Poller) tell() {
	p.telling.Lock()
	defer p.telling.Unlock()
	now := p.cfg.Now()
	all, remind := p.standings(now), false
	for _, s := range all {
		before, known := p.told[s.currency]
		remind = remind || known && s.bad() && now.Sub(before.at) >= remindEvery
		p.tellOfSources(s, before)
	}
	var lines [][]standing // those with the same to say share a line
	for _, s := range all {
		before, known := p.told[s.currency]
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
		p.told[s.currency] = s
	}
	for _, l := range lines {
		p.tellTier(l)
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
		s := standing{currency: code, reason: "it is none of RATE_CURRENCIES"}
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

func (p *Poller) tellOfSources(s, before standing) {
	if s.doubted != before.doubted && s.doubted != "" {
		p.log.Warn("a source is not believed", "currency", s.currency, "sources", s.doubted, "reason", s.reason)
	}
	if s.alone != before.alone && s.alone != "" {
		p.log.Warn("the live price rests on one source", "currency", s.currency, "source", s.alone, "of", s.of)
	}
}

func (p *Poller) tellTier(same []standing) {
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
		if !same[0].asked { // nobody expected more
			p.log.Warn("NO MARKET PRICE: sales are priced at RATE_STATIC", how)
			break
		}
		p.log.Error("NO MARKET PRICE: sales are priced at RATE_STATIC", how)
	default:
		p.log.Error("NO PRICE AT ALL: sales are parked", how)
	}
}

// remind looks after the log until ctx ends, whether sources are asked or not.
func (p *Poller) remind(ctx context.Context) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		p.tell()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
