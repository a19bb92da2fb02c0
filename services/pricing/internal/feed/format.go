package feed

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// format is how one public source is asked and how it answers. No I/O.
type format interface {
	// request is what to get for the prices of ETH in these currencies, relative to the base URL, and the headers that carry key.
	request(base *url.URL, currencies []money.Currency, key string) (*url.URL, http.Header)
	// read finds the prices in an answer. It may return some and an error about the others.
	read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error)
}

// formats are the sources by the name that RATE_FEEDS calls them.
var formats = map[string]format{"coingecko": coinGecko{}, "coindcx": coinDCX{}, "wazirx": wazirX{}}

// takesKey are the sources that an API key can be given to.
var takesKey = map[string]bool{"coingecko": true}

// coinGecko is GET /api/v3/simple/price (docs.coingecko.com): prices as numbers, the time in Unix seconds.
type coinGecko struct{}

func (coinGecko) request(base *url.URL, currencies []money.Currency, key string) (*url.URL, http.Header) {
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
	case strings.HasPrefix(base.Hostname(), "pro-api."): // paid plans have a host and a header of their own
		header.Set("x-cg-pro-api-key", key)
	default:
		header.Set("x-cg-demo-api-key", key)
	}
	return u, header
}

func (coinGecko) read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error) {
	var answer struct {
		Ethereum map[string]json.Number `json:"ethereum"`
	}
	if err := decode(body, &answer); err != nil {
		return nil, err
	}
	seconds, _ := answer.Ethereum["last_updated_at"].Int64() // 0 is refused as no time
	var all []quote.Observation
	var errs []error
	for _, c := range currencies {
		value := answer.Ethereum[strings.ToLower(c.Code())].String()
		if value == "" {
			continue // it does not quote every currency
		}
		o, err := quote.Observe(source, c, value, unix(seconds), at)
		if err != nil {
			errs = append(errs, fault.New(fault.Invalid, "%s: %w", c.Code(), err))
			continue
		}
		all = append(all, o)
	}
	return some(all, errs)
}

// coinDCX is GET /exchange/ticker (docs.coindcx.com): every market in one array, prices as strings.
type coinDCX struct{}

func (coinDCX) request(base *url.URL, _ []money.Currency, _ string) (*url.URL, http.Header) {
	return base.JoinPath("exchange/ticker"), nil
}

func (coinDCX) read(source string, body []byte, currencies []money.Currency, at time.Time) ([]quote.Observation, error) {
	var markets []struct {
		Market    string `json:"market"`
		LastPrice text   `json:"last_price"`
		Timestamp int64  `json:"timestamp"`
	}
	if err := decode(body, &markets); err != nil {
		return nil, err
	}
	var all []quote.Observation
	var errs []error
	for _, m := range markets {
		for _, c := range currencies {
			if m.Market != "ETH"+c.Code() {
				continue
			}
			o, err := quote.Observe(source, c, string(m.LastPrice), unix(m.Timestamp), at)
			if err != nil {
				errs = append(errs, fault.New(fault.Invalid, "%s: %w", c.Code(), err))
				continue
			}
			all = append(all, o)
		}
	}
	return some(all, errs)
}

// wazirX is GET /sapi/v1/ticker/24hr?symbol=ethinr (docs.wazirx.com): one market, prices as strings, the time in milliseconds.
type wazirX struct{}

const wazirXSymbol, wazirXCurrency = "ethinr", "INR"

func (wazirX) request(base *url.URL, _ []money.Currency, _ string) (*url.URL, http.Header) {
	u := base.JoinPath("sapi/v1/ticker/24hr")
	u.RawQuery = url.Values{"symbol": {wazirXSymbol}}.Encode()
	return u, nil
}

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
	for _, c := range currencies {
		if c.Code() == wazirXCurrency {
			o, err := quote.Observe(source, c, string(ticker.LastPrice), unix(ticker.At), at)
			if err != nil {
				return nil, fault.New(fault.Invalid, "%s: %w", c.Code(), err)
			}
			return []quote.Observation{o}, nil
		}
	}
	return some(nil, nil)
}

// some makes an answer without any price an error.
func some(all []quote.Observation, errs []error) ([]quote.Observation, error) {
	if len(all) == 0 && len(errs) == 0 {
		return nil, fault.New(fault.Invalid, "the answer has no price in a currency that is asked for")
	}
	return all, errors.Join(errs...)
}

// text is a number as it was written, in quotes or bare; what comes of it is the reader's matter.
type text string

// UnmarshalJSON takes a string or a number.
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

func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fault.New(fault.Invalid, "the answer is not in the source's format") // the cause may quote it
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
