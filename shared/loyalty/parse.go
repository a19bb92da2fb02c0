package loyalty

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the built-in rules
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Default are the rules without a LOYALTY_RULES file, and an example of one.
//
// Every member must be there, once, in this spelling, and no other; the last two may be left out:
//
//	version               1 to 32 characters; stored with each entry: changed rules need a new one, else the gateway does not start
//	points_per_unit       points for each whole unit of a currency (ISO 4217); a currency that is missing, or at "0", earns nothing
//	first_purchase_bonus  points on top for a customer's first purchase that earns on more than 0, in any currency
//	tiers                 1 to 20, by rising from_purchase, the first from 1: a purchase with this number or a higher one earns
//	                      multiplier times its points. Names are shown to tills
//	point_worth           whole units of a currency that a point pays; where it is missing, or "0", points can't be redeemed
//	earn_nothing          types of line that earn no points; left out: tip, gift_card, deposit and rounding
//	offline_redeem_max    points past the balance that a sale may redeem which was made offline; left out: 1000
//
// Factors are decimal numbers in strings, such as "0.25": at most 3 digits before the point and 6 after it.
//
//go:embed default.json
var Default string

// Limits of the rules, beyond any programme's.
const (
	maxVersion  = 32
	maxBonus    = 1_000_000
	maxTiers    = 20
	maxTierName = 32
	maxPurchase = 1 << 40
	maxOffline  = 1_000_000_000

	maxFactorDecimals = 6
)

// defaultOffline is offline_redeem_max where the rules don't say.
const defaultOffline = 1000

var (
	factorForm  = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?$`)
	integerForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`)
)

// Parse reads rules. The error names the member that is wrong, and how.
func Parse(data []byte) (*Rules, error) {
	whole, err := strictjson.Parse(data)
	if err != nil {
		return nil, unread(err)
	}
	m, err := members("", whole, []string{"version", "points_per_unit", "first_purchase_bonus", "tiers", "point_worth"}, "earn_nothing", "offline_redeem_max")
	if err != nil {
		return nil, err
	}
	r := &Rules{Text: string(data), nothing: []event.LineType{event.LineTip, event.LineGiftCard, event.LineDeposit, event.LineRounding}, offline: defaultOffline}
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
	if r.worth, err = byCurrency("point_worth", m["point_worth"]); err != nil {
		return nil, err
	}
	if v := m["offline_redeem_max"]; v != nil {
		if r.offline, err = integer("offline_redeem_max", v, 0, maxOffline); err != nil {
			return nil, err
		}
	}
	if v := m["earn_nothing"]; v != nil {
		r.nothing, err = lineTypes("earn_nothing", v)
	}
	return r, err
}

func lineTypes(path string, v *strictjson.Value) ([]event.LineType, error) {
	if v.Kind != strictjson.Array {
		return nil, fmt.Errorf("%s must be an array of types of line", path)
	}
	all := make([]event.LineType, 0, len(v.Items))
	for i, item := range v.Items {
		t := event.LineType(item.Text)
		if item.Kind != strictjson.String || !slices.Contains(event.LineTypes, t) {
			return nil, fmt.Errorf("%s[%d] must be one of %v", path, i, event.LineTypes)
		}
		if slices.Contains(all, t) {
			return nil, fmt.Errorf("%s[%d] is there twice", path, i)
		}
		all = append(all, t)
	}
	return all, nil
}

// unread names the member at which the file is not strict JSON: unlike a till's record, the file is the reader's own.
func unread(err error) error {
	if at, ok := errors.AsType[*strictjson.Error](err); ok && at.Path != "" {
		return fmt.Errorf("the file is not strict JSON, in %s %w", at.Path, err)
	}
	return fmt.Errorf("the file is not strict JSON, %w", err)
}

// hashOf hashes a JSON value in one form: encoding/json sorts an object's members.
func hashOf(data []byte) ([sha256.Size]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return [sha256.Size]byte{}, errors.New("the file is not JSON")
	}
	canonical, err := json.Marshal(value)
	return sha256.Sum256(canonical), err
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// members reads an object that has these members, in this spelling, and none but them and the optional ones.
func members(path string, v *strictjson.Value, names []string, optional ...string) (map[string]*strictjson.Value, error) {
	if v.Kind != strictjson.Object {
		return nil, fmt.Errorf("%s must be an object", cmp.Or(path, "the file"))
	}
	if unknown := v.Unknown(slices.Concat(names, optional)...); len(unknown) > 0 {
		return nil, fmt.Errorf("%s is not a member of the rules", join(path, unknown[0]))
	}
	all := make(map[string]*strictjson.Value, len(names))
	for _, n := range names {
		if all[n] = v.Member(n); all[n] == nil {
			return nil, fmt.Errorf("%s is missing", join(path, n))
		}
	}
	for _, n := range optional {
		all[n] = v.Member(n)
	}
	return all, nil
}

func name(path string, v *strictjson.Value, limit int) (string, error) {
	s := v.Text
	if v.Kind != strictjson.String || strings.TrimSpace(s) == "" || utf8.RuneCountInString(s) > limit || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("%s must be a string of 1 to %d characters", path, limit)
	}
	return s, nil
}

func integer(path string, v *strictjson.Value, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if err != nil || v.Kind != strictjson.Number || !integerForm.MatchString(v.Text) || n < least || n > most {
		return 0, fmt.Errorf("%s must be a whole number from %d to %d", path, least, most)
	}
	return n, nil
}

func tiersOf(v *strictjson.Value) ([]tier, error) {
	if v.Kind != strictjson.Array || len(v.Items) == 0 || len(v.Items) > maxTiers {
		return nil, fmt.Errorf("tiers must be an array of 1 to %d", maxTiers)
	}
	all := make([]tier, 0, len(v.Items))
	for i, item := range v.Items {
		path := fmt.Sprintf("tiers[%d]", i)
		t, err := tierOf(path, item)
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

func tierOf(path string, v *strictjson.Value) (t tier, err error) {
	m, err := members(path, v, []string{"name", "from_purchase", "multiplier"})
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

func byCurrency(path string, v *strictjson.Value) (map[string]*big.Rat, error) {
	if v.Kind != strictjson.Object {
		return nil, fmt.Errorf("%s must be an object", path)
	}
	out := make(map[string]*big.Rat, len(v.Members))
	for _, m := range v.Members {
		if _, err := money.ParseCurrency(m.Name); err != nil {
			return nil, fmt.Errorf("%s is %w", join(path, m.Name), err)
		}
		f, err := factor(join(path, m.Name), m.Value)
		if err != nil {
			return nil, err
		}
		if f.Sign() > 0 {
			out[m.Name] = f
		}
	}
	return out, nil
}

func factor(path string, v *strictjson.Value) (*big.Rat, error) {
	if v.Kind != strictjson.String || !factorForm.MatchString(v.Text) {
		return nil, fmt.Errorf("%s must be a decimal number in a string, at most 3 digits before the point and 6 after it", path)
	}
	f, _ := new(big.Rat).SetString(v.Text) // the form holds
	return f, nil
}
