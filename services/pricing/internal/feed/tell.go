package feed

import (
	"slices"
	"strings"
	"time"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
)

// telling is what the log last said of a currency.
type telling struct {
	tier    quote.Tier // "" for none
	doubted string
	at      time.Time
}

// remindEvery is how often the log repeats that a currency has no price of this day.
const remindEvery = time.Minute

// tell says what changed, and again and again that sales are priced at a rate that a person once set, or not at all.
func (p *Poller) tell(verdicts map[string]quote.Verdict, now time.Time) {
	for _, c := range p.cfg.Currencies {
		code, before := c.Code(), p.told[c.Code()]
		v := verdicts[code]
		next := telling{doubted: strings.Join(slices.Sorted(slices.Values(v.Doubted)), ","), at: before.at}
		if q, err := p.board.Quote(c, now); err == nil {
			next.tier = q.Tier()
		}
		if next.doubted != before.doubted && next.doubted != "" {
			p.log.Warn("a source is not believed", "currency", code, "sources", next.doubted, "reason", v.Reason)
		}
		bad := next.tier == quote.Static || next.tier == ""
		if changed := before.at.IsZero() || next.tier != before.tier; changed || bad && now.Sub(before.at) >= remindEvery {
			next.at = now
			switch next.tier {
			case quote.Live:
				p.log.Info("sales are priced live", "currency", code)
			case quote.Cached:
				p.log.Warn("sales are priced at the last good rate", "currency", code, "reason", v.Reason)
			case quote.Static:
				p.log.Error("NO MARKET PRICE: sales are priced at RATE_STATIC", "currency", code, "reason", v.Reason)
			default:
				p.log.Error("NO PRICE AT ALL: sales are parked", "currency", code, "reason", v.Reason)
			}
		}
		p.told[code] = next
	}
}
