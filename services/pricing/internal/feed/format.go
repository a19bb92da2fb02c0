package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// format is the request and the answer of one public source. No I/O.
type format interface {
	// request is what to get for the prices of ETH in these currencies, relative to the base URL, and the headers that carry key.
	request(base *url.URL, currencies []money.Currency, key string) (*url.URL, http.Header)
	// quotes reports whether the source is known to have a price in a currency.
	quotes(c money.Currency) bool
	// maxBody is how long an answer may be, in bytes; a longer one is refused.
	maxBody() int64
	// read finds the prices in an answer, one for each currency. It may return some and an error about the others.
	read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error)
}

// formats are the sources by the name that RATE_FEEDS calls them.
var formats = map[string]format{
	CoinGecko: coinGecko{}, CoinGeckoPro: coinGecko{paid: true}, "coindcx": coinDCX{}, "wazirx": wazirX{},
}

// The two names of one source.
const (
	CoinGecko    = "coingecko"
	CoinGeckoPro = "coingecko-pro" // its key is sent as on a paid plan, whatever host a mirror has
)

// takesKey are the sources that an API key can be given to.
var takesKey = map[string]bool{CoinGecko: true, CoinGeckoPro: true}

// rupees are the one fiat currency in which the Indian exchanges trade ETH.
const rupees = "INR"

// Limits of an answer.
const (
	smallBody     = 64 << 10 // for an answer with nothing but what was asked for: some hundred bytes
	coinDCXBody   = 1 << 20  // CoinDCX lists every market, some 300 kB
	maxMarkets    = 10_000   // CoinDCX has about a thousand
	maxMarketName = 16       // longer than any that is asked for
)

// coinGecko is GET /api/v3/simple/price (docs.coingecko.com): prices as numbers, the time in Unix seconds.
type coinGecko struct{ paid bool }

func (g coinGecko) request(base *url.URL, currencies []money.Currency, key string) (*url.URL, http.Header) {
	codes := make([]string, len(currencies))
	for i, c := range currencies {
		codes[i] = strings.ToLower(c.Code())
	}
	u := base.JoinPath("api/v3/simple/price")
	u.RawQuery = url.Values{
		"ids": {"ethereum"}, "vs_currencies": {strings.Join(codes, ",")}, "include_last_updated_at": {"true"}, "precision": {"full"},
	}.Encode()
	header := http.Header{}
	switch {
	case key == "":
	case g.paid, strings.HasPrefix(base.Hostname(), "pro-api."): // paid plans have a host and a header of their own
		header.Set("x-cg-pro-api-key", key)
	default:
		header.Set("x-cg-demo-api-key", key)
	}
	return u, header
}

func (coinGecko) quotes(money.Currency) bool { return true }

func (coinGecko) maxBody() int64 { return smallBody }

func (coinGecko) read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error) {
	var answer struct {
		Ethereum map[string]json.RawMessage `json:"ethereum"` // strict only about what was asked for
	}
	if err := decode(body, &answer); err != nil {
		return nil, err
	}
	var updatedAt json.Number
	_ = json.Unmarshal(answer.Ethereum["last_updated_at"], &updatedAt) // what is not a number is refused as a missing time
	seconds, _ := updatedAt.Int64()
	var found prices
	for _, c := range currencies {
		raw, quoted := answer.Ethereum[strings.ToLower(c.Code())]
		if !quoted || string(raw) == "null" {
			continue // it does not quote every currency
		}
		var value json.Number
		if err := decode(raw, &value); err != nil {
			found.refuse(c, err)
			continue
		}
		found.add(source, c, value.String(), unix(seconds), at)
	}
	return found.all()
}

// coinDCX is GET /exchange/ticker (docs.coindcx.com): every market in one array, prices as strings.
type coinDCX struct{}

func (coinDCX) request(base *url.URL, _ []money.Currency, _ string) (*url.URL, http.Header) {
	return base.JoinPath("exchange/ticker"), nil
}

func (coinDCX) quotes(c money.Currency) bool { return c.Code() == rupees }

func (coinDCX) maxBody() int64 { return coinDCXBody }

// read goes through the markets one by one and keeps those that were asked for: of the others it checks neither number nor shape.
func (coinDCX) read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error) {
	asked := make(map[string]money.Currency, len(currencies))
	for _, c := range currencies {
		asked["ETH"+c.Code()] = c
	}
	entries := json.NewDecoder(bytes.NewReader(body))
	if start, err := entries.Token(); err != nil || start != json.Delim('[') {
		return nil, errFormat
	}
	var found prices
	var entry json.RawMessage // used again for each
	for n := 0; entries.More(); n++ {
		if n == maxMarkets {
			return nil, fault.New(fault.Invalid, "the answer lists more than %d markets", maxMarkets)
		}
		if err := entries.Decode(&entry); err != nil {
			return nil, errFormat
		}
		c, ok := asked[marketOf(entry)]
		if !ok {
			continue
		}
		var market struct {
			LastPrice text  `json:"last_price"`
			Timestamp int64 `json:"timestamp"`
		}
		if err := decode(entry, &market); err != nil {
			found.refuse(c, err)
			continue
		}
		found.add(source, c, string(market.LastPrice), unix(market.Timestamp), at)
	}
	_, endErr := entries.Token() // an answer that was cut off is not used
	if _, err := entries.Token(); endErr != nil || !errors.Is(err, io.EOF) {
		return nil, errFormat
	}
	return found.all()
}

// marketOf is the market that an entry of CoinDCX's list is about; "" for one that can't be any that is asked for.
func marketOf(entry []byte) string {
	var market struct {
		Market json.RawMessage `json:"market"`
	}
	var name string
	if json.Unmarshal(entry, &market) != nil || len(market.Market) > maxMarketName || json.Unmarshal(market.Market, &name) != nil {
		return ""
	}
	return name
}

// wazirX is GET /sapi/v1/ticker/24hr?symbol=ethinr (docs.wazirx.com): one market, prices as strings, the time in milliseconds.
type wazirX struct{}

const wazirXSymbol = "ethinr"

func (wazirX) request(base *url.URL, _ []money.Currency, _ string) (*url.URL, http.Header) {
	u := base.JoinPath("sapi/v1/ticker/24hr")
	u.RawQuery = url.Values{"symbol": {wazirXSymbol}}.Encode()
	return u, nil
}

func (wazirX) quotes(c money.Currency) bool { return c.Code() == rupees }

func (wazirX) maxBody() int64 { return smallBody }

func (wazirX) read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error) {
	var ticker struct {
		Symbol    string `json:"symbol"`
		LastPrice text   `json:"lastPrice"`
		At        int64  `json:"at"`
	}
	if err := decode(body, &ticker); err != nil {
		return nil, err
	}
	if ticker.Symbol != wazirXSymbol {
		return nil, fault.New(fault.Invalid, "the answer is about another market")
	}
	var found prices
	for _, c := range currencies {
		if c.Code() == rupees {
			found.add(source, c, string(ticker.LastPrice), unix(ticker.At), at)
		}
	}
	return found.all()
}

// prices are what was found in an answer, and what was refused of it: the first with its reason and the number of the others, since an answer
// may hold a hundred thousand.
type prices struct {
	good    []quote.Observation
	refused int
	first   error
}

func (p *prices) add(source string, c money.Currency, value string, observedAt, at time.Time) {
	if slices.ContainsFunc(p.good, func(o quote.Observation) bool { return o.Currency == c.Code() }) {
		p.refuse(c, fault.New(fault.Invalid, "it is given twice"))
		return
	}
	o, err := quote.Observe(source, c, value, observedAt, at)
	if err != nil {
		p.refuse(c, err)
		return
	}
	p.good = append(p.good, o)
}

func (p *prices) refuse(c money.Currency, err error) {
	if p.refused++; p.refused == 1 {
		p.first = fault.New(fault.Invalid, "%s: %w", c.Code(), err)
	}
}

// all is what was found; an answer without any price is an error.
func (p *prices) all() ([]quote.Observation, error) {
	switch {
	case p.refused > 1:
		return p.good, fault.New(fault.Invalid, "%w; %d more prices were refused", p.first, p.refused-1)
	case p.refused == 0 && len(p.good) == 0:
		return nil, fault.New(fault.Invalid, "the answer has no price in a currency that is asked for")
	}
	return p.good, p.first
}

// text is a number as it was written, in quotes or bare; the caller checks it.
type text string

// UnmarshalJSON accepts a string or a number.
func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}

var errFormat = fault.New(fault.Invalid, "the answer is not in the source's format")

func decode(body []byte, into any) error {
	if json.Unmarshal(body, into) != nil {
		return errFormat // without the cause, which may quote the answer
	}
	return nil
}

// milliseconds start where seconds would be in the year 33658: sources use either.
const milliseconds = 1_000_000_000_000

func unix(n int64) time.Time {
	if n >= milliseconds {
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}
