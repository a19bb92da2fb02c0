package pricing

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tillseal/tillseal/services/pricing/internal/feed"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Rates is RATE_STATIC: fiat per ETH for each currency code, written INR=254321.17,USD=3050.12.
type Rates map[string]money.Decimal

// UnmarshalText reads the written form. Errors are Invalid and name the currency, or the entry's number when it has none.
func (r *Rates) UnmarshalText(text []byte) error {
	rates := make(Rates)
	err := entries(text, "INR=254321.17", func(number int, code, value string) error {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return fault.New(fault.Invalid, "entry %d, %q: %w", number, code, err)
		}
		if _, twice := rates[currency.Code()]; twice {
			return fault.New(fault.Invalid, "%s is given twice", currency.Code())
		}
		rate, err := money.ParseDecimal(value)
		if err != nil {
			return fault.New(fault.Invalid, "the rate of %s %w", currency.Code(), err)
		}
		rates[currency.Code()] = rate
		return nil
	})
	*r = rates
	return err
}

// table makes the static tier, as of since: no source observed these rates, so they hold from the start of the service.
func (r Rates) table(since time.Time) (quote.Table, error) {
	quotes := make(quote.Table, len(r))
	for code, rate := range r {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return nil, fault.New(fault.Invalid, "RATE_STATIC, %q: %w", code, err)
		}
		quotes[code] = quote.StaticQuote(currency, rate, since)
	}
	return quotes, nil
}

// Feeds is RATE_FEEDS: the base URL of each source, which may hold a password.
type Feeds map[string]config.Secret

// UnmarshalText reads the written form. Errors are Invalid, name the source and don't repeat the URL.
func (f *Feeds) UnmarshalText(text []byte) error {
	feeds := make(Feeds)
	err := entries(text, "coingecko=https://api.coingecko.com", func(number int, name, value string) error {
		if !slices.Contains(feed.Names(), name) {
			return fault.New(fault.Invalid, "%s is not one of %s", shown(number, name), strings.Join(feed.Names(), ", "))
		}
		if _, twice := feeds[name]; twice {
			return fault.New(fault.Invalid, "%q is given twice", name)
		}
		feeds[name] = config.Secret(value)
		return feed.Source{Name: name, Base: feeds[name]}.Check()
	})
	if _, free := feeds[feed.CoinGecko]; err == nil && free {
		if _, paid := feeds[feed.CoinGeckoPro]; paid {
			return fault.New(fault.Invalid, "%s and %s are one source: it would confirm itself", feed.CoinGecko, feed.CoinGeckoPro)
		}
	}
	*f = feeds
	return err
}

// shown is the name of an entry as an error may show it, or else its number.
func shown(number int, name string) string { return feed.Shown(name, fmt.Sprintf("entry %d", number)) }

// unprotected are the sources whose prices anyone in between can change: those that are asked over http, beyond this machine.
func (f Feeds) unprotected() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		u, err := url.Parse(f[name].Reveal())
		if err == nil && u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback() {
			names = append(names, name)
		}
	}
	return names
}

// KeyFiles is RATE_FEED_KEY_FILES: the file with each source's API key.
type KeyFiles map[string]string

// UnmarshalText reads the written form. Errors are Invalid.
func (k *KeyFiles) UnmarshalText(text []byte) error {
	files := make(KeyFiles)
	err := entries(text, "coingecko=/run/secrets/coingecko", func(number int, name, path string) error {
		if _, twice := files[name]; twice || path == "" {
			return fault.New(fault.Invalid, "%s is given twice, or has no path", shown(number, name))
		}
		files[name] = path
		return nil
	})
	*k = files
	return err
}

const maxKeyBytes = 512 // longer than any API key

// sources reads the keys and gives them to their sources, in the order of names. It joins an error for each source that is wrong, which names
// the variable.
func (f Feeds) sources(keys KeyFiles) ([]feed.Source, error) {
	var (
		all  []feed.Source
		errs []error
	)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		s := feed.Source{Name: name, Base: f[name]}
		if path := keys[name]; path != "" {
			content, err := os.ReadFile(path)
			key := strings.TrimSpace(string(content))
			if err != nil || key == "" || len(key) > maxKeyBytes || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
				errs = append(errs, fault.New(fault.Invalid, "RATE_FEED_KEY_FILES: the file of %s cannot be read or holds no valid key", name))
				continue
			}
			s.Key = config.Secret(key)
		}
		if err := s.Check(); err != nil {
			errs = append(errs, fault.New(fault.Invalid, "RATE_FEEDS or RATE_FEED_KEY_FILES: %w", err))
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(errs...)
}

// Currencies is RATE_CURRENCIES.
type Currencies []money.Currency

// UnmarshalText reads codes separated by commas. Errors are Invalid and name the code.
func (c *Currencies) UnmarshalText(text []byte) error {
	var all Currencies
	for code := range strings.SplitSeq(string(text), ",") {
		currency, err := money.ParseCurrency(strings.TrimSpace(code))
		if err != nil {
			return fault.New(fault.Invalid, "%q: %w", code, err)
		}
		if slices.Contains(all, currency) {
			return fault.New(fault.Invalid, "%s is given twice", currency.Code())
		}
		all = append(all, currency)
	}
	*c = all
	return nil
}

// entries reads name=value pairs separated by commas.
func entries(text []byte, example string, each func(number int, name, value string) error) error {
	if len(text) == 0 {
		return nil
	}
	number := 0
	for entry := range strings.SplitSeq(string(text), ",") {
		number++
		name, value, found := strings.Cut(strings.TrimSpace(entry), "=")
		if !found {
			return fault.New(fault.Invalid, "entry %d must look like %s", number, example)
		}
		if err := each(number, name, value); err != nil {
			return err
		}
	}
	return nil
}
