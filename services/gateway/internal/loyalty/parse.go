package loyalty

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the built-in rules
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/shared/money"
)

// Default are the rules without a LOYALTY_RULES file, and an example of one.
//
// Every member must be there, once, in this spelling, and no other:
//
//	version               1 to 32 characters; kept with each entry, so give changed rules a new one: with a used one the gateway does not start
//	points_per_unit       points for each whole unit of a currency (ISO 4217); a currency that is missing, or at "0", earns nothing
//	first_purchase_bonus  points on top for a customer's purchase number 1, in any currency
//	tiers                 1 to 20, by rising from_purchase, the first from 1: a purchase with this number or a higher one earns
//	                      multiplier times its points. Names are shown to tills
//	point_worth           whole units of a currency that a point pays; where it is missing, or "0", points can't be redeemed
//
// Factors are decimal numbers in strings, such as "0.25": at most 3 digits before the point and 6 after it.
//
//go:embed default.json
var Default string

// Limits of the rules: beyond any programme.
const (
	maxVersion  = 32
	maxBonus    = 1_000_000
	maxTiers    = 20
	maxTierName = 32
	maxPurchase = 1 << 40
	maxDepth    = 4 // tiers[0].name is at 3
)

var (
	factorForm  = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?$`)
	integerForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`)
)

// Parse reads rules. The error names the member that is wrong, and how.
func Parse(data []byte) (*Rules, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the file is not valid UTF-8")
	}
	if err := unrepeated(data); err != nil {
		return nil, err
	}
	m, err := members("", data, "version", "points_per_unit", "first_purchase_bonus", "tiers", "point_worth")
	if err != nil {
		return nil, err
	}
	r := &Rules{}
	if r.Hash, err = hashOf(data); err != nil {
		return nil, err
	}
	if r.Version, err = name("version", m["version"], maxVersion); err != nil {
		return nil, err
	}
	if r.perUnit, err = byCurrency("points_per_unit", m["points_per_unit"]); err != nil {
		return nil, err
	}
	if r.bonus, err = integer("first_purchase_bonus", m["first_purchase_bonus"], 0, maxBonus); err != nil {
		return nil, err
	}
	if r.tiers, err = tiersOf(m["tiers"]); err != nil {
		return nil, err
	}
	r.worth, err = byCurrency("point_worth", m["point_worth"])
	return r, err
}

// hashOf hashes a JSON value in one spelling: encoding/json sorts an object's members.
func hashOf(data []byte) ([sha256.Size]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return [sha256.Size]byte{}, errors.New("the file is not JSON")
	}
	spelt, err := json.Marshal(value)
	return sha256.Sum256(spelt), err
}

// unrepeated walks all of the text and refuses a member that stands twice: encoding/json would quietly take the last.
func unrepeated(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := walk(decoder, "", 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the rules")
	}
	return nil
}

func walk(decoder *json.Decoder, path string, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("the file is not JSON, at byte %d", decoder.InputOffset())
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("%s is nested too deeply", path)
	}
	seen := make(map[string]bool)
	for i := 0; decoder.More(); i++ {
		at := path + "[" + strconv.Itoa(i) + "]"
		if delim == '{' {
			key, err := decoder.Token()
			text, ok := key.(string)
			if err != nil || !ok {
				return fmt.Errorf("the file is not JSON, at byte %d", decoder.InputOffset())
			}
			if at = join(path, text); seen[text] {
				return fmt.Errorf("%s is given twice", at)
			}
			seen[text] = true
		}
		if err := walk(decoder, at, depth+1); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil { // the closing one
		return fmt.Errorf("the file is not JSON, at byte %d", decoder.InputOffset())
	}
	return nil
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// members reads an object that has exactly these members, in this spelling.
func members(path string, data []byte, names ...string) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		if path == "" {
			path = "the file"
		}
		return nil, fmt.Errorf("%s must be an object", path)
	}
	for n := range all {
		if !slices.Contains(names, n) {
			return nil, fmt.Errorf("%s is not a member of the rules", join(path, n))
		}
	}
	for _, n := range names {
		if _, ok := all[n]; !ok {
			return nil, fmt.Errorf("%s is missing", join(path, n))
		}
	}
	return all, nil
}

// text reads a string; null is none.
func text(data []byte) (string, bool) {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil || s == nil {
		return "", false
	}
	return *s, true
}

func name(path string, data []byte, limit int) (string, error) {
	s, ok := text(data)
	if !ok || strings.TrimSpace(s) == "" || utf8.RuneCountInString(s) > limit || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("%s must be a string of 1 to %d characters", path, limit)
	}
	return s, nil
}

func integer(path string, data []byte, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil || !integerForm.Match(data) || n < least || n > most {
		return 0, fmt.Errorf("%s must be a whole number from %d to %d", path, least, most)
	}
	return n, nil
}

func tiersOf(data []byte) ([]tier, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || len(raw) == 0 || len(raw) > maxTiers {
		return nil, fmt.Errorf("tiers must be an array of 1 to %d", maxTiers)
	}
	all := make([]tier, 0, len(raw))
	for i := range raw {
		path := fmt.Sprintf("tiers[%d]", i)
		t, err := tierOf(path, raw[i])
		if err != nil {
			return nil, err
		}
		switch {
		case i == 0 && t.from != 1:
			return nil, errors.New("tiers[0].from_purchase must be 1: every purchase has a tier")
		case i > 0 && t.from <= all[i-1].from:
			return nil, fmt.Errorf("%s.from_purchase must be above that of the tier before", path)
		case slices.ContainsFunc(all, func(o tier) bool { return o.name == t.name }):
			return nil, fmt.Errorf("%s.name is another tier's", path)
		}
		all = append(all, t)
	}
	return all, nil
}

func tierOf(path string, data []byte) (t tier, err error) {
	m, err := members(path, data, "name", "from_purchase", "multiplier")
	if err != nil {
		return t, err
	}
	if t.name, err = name(path+".name", m["name"], maxTierName); err != nil {
		return t, err
	}
	from, err := integer(path+".from_purchase", m["from_purchase"], 1, maxPurchase)
	if err != nil {
		return t, err
	}
	t.from = uint64(from)
	t.multiplier, err = factor(path+".multiplier", m["multiplier"])
	return t, err
}

func byCurrency(path string, data []byte) (map[string]*big.Rat, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil {
		return nil, fmt.Errorf("%s must be an object", path)
	}
	out := make(map[string]*big.Rat, len(raw))
	for code := range raw {
		if _, err := money.ParseCurrency(code); err != nil {
			return nil, fmt.Errorf("%s is %w", join(path, code), err)
		}
		f, err := factor(join(path, code), raw[code])
		if err != nil {
			return nil, err
		}
		if f.Sign() > 0 {
			out[code] = f
		}
	}
	return out, nil
}

func factor(path string, data []byte) (*big.Rat, error) {
	s, ok := text(data)
	if !ok || !factorForm.MatchString(s) {
		return nil, fmt.Errorf("%s must be a decimal number in a string, at most 3 digits before the point and 6 after it", path)
	}
	f, _ := new(big.Rat).SetString(s) // the form holds
	return f, nil
}
