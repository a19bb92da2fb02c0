// Package shopfile reads RECEIPT_SHOP_FILE: what a receipt's page says about the shop, and how much of a customer whoever finds a slip may see.
package shopfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the image has none
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/shared/strictjson"
)

// Limits of a file and of what it says.
const (
	MaxBytes    = 1 << 20
	maxText     = 200 // characters of a line
	maxAddress  = 8   // lines
	maxHostname = 253
)

// Store is what is printed above a receipt. Each member is optional.
type Store struct {
	Name     string   `json:"name,omitempty"`
	Address  []string `json:"address,omitempty"` // its lines
	Phone    string   `json:"phone,omitempty"`
	TaxID    string   `json:"tax_id,omitempty"`    // such as "GSTIN 29AAGCB7383J1Z4"
	Website  string   `json:"website,omitempty"`   // an http or https URL
	TimeZone string   `json:"time_zone,omitempty"` // of the IANA database, such as Asia/Kolkata
}

// Shop is a whole file. The zero Shop says nothing about itself, and shows no customer.
type Shop struct {
	Store
	// ContractName is the DNS name where the shop publishes its contract's address, for shoppers to compare.
	ContractName string `json:"contract_name"`
	// ShowCustomer and ShowBalance let a page show the customer's id and points balance. Whoever finds the slip sees the page.
	ShowCustomer bool             `json:"show_customer"`
	ShowBalance  bool             `json:"show_balance"`
	Stores       map[string]Store `json:"stores"` // by store id; what one does not say is as above
}

var (
	storeID  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`) // CONTRACT.md, 6
	hostname = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

// Load reads a file, "" for none. Its error says which member is wrong.
func Load(path string) (*Shop, error) {
	if path == "" {
		return &Shop{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("has more than %d bytes", MaxBytes)
	}
	return Parse(text)
}

// Parse reads a file's text.
func Parse(text []byte) (*Shop, error) {
	whole, err := strictjson.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not the JSON that it should be: %w", err)
	}
	if err := known(whole); err != nil {
		return nil, err
	}
	var s Shop
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("is not the JSON that it should be: %w", err)
	}
	errs := []error{s.check("")}
	if n := s.ContractName; n != "" && (len(n) > maxHostname || !hostname.MatchString(n)) {
		errs = append(errs, fmt.Errorf("contract_name must be a DNS name such as tillseal.shop.example, and is %q", n))
	}
	for _, id := range slices.Sorted(maps.Keys(s.Stores)) {
		if !storeID.MatchString(id) {
			errs = append(errs, fmt.Errorf("stores has %q, which is no store's id: a-z, 0-9 and -, at most 32", id))
		}
		errs = append(errs, s.Stores[id].check("stores."+id+"."))
	}
	return &s, errors.Join(errs...)
}

var (
	ofStore = []string{"name", "address", "phone", "tax_id", "website", "time_zone"}
	ofShop  = append([]string{"contract_name", "show_customer", "show_balance", "stores"}, ofStore...)
)

// known refuses members that encoding/json would take for others, or pass over: it takes "Show_Customer" for "show_customer".
func known(whole *strictjson.Value) error {
	if whole.Kind != strictjson.Object {
		return errors.New("is not a JSON object")
	}
	var errs []error
	for _, name := range whole.Unknown(ofShop...) {
		errs = append(errs, fmt.Errorf("has the unknown member %q", name))
	}
	if stores := whole.Member("stores"); stores != nil {
		for _, store := range stores.Members {
			for _, name := range store.Value.Unknown(ofStore...) {
				errs = append(errs, fmt.Errorf("stores.%s has the unknown member %q", store.Name, name))
			}
		}
	}
	return errors.Join(errs...)
}

func (s Store) check(prefix string) error {
	var errs []error
	text := func(name, value string) {
		if err := checkText(value); err != nil {
			errs = append(errs, fmt.Errorf("%s%s %w", prefix, name, err))
		}
	}
	text("name", s.Name)
	text("phone", s.Phone)
	text("tax_id", s.TaxID)
	if len(s.Address) > maxAddress {
		errs = append(errs, fmt.Errorf("%saddress has %d lines, and may have %d", prefix, len(s.Address), maxAddress))
	}
	for i, line := range s.Address {
		text(fmt.Sprintf("address[%d]", i), line)
	}
	if s.Website != "" {
		u, err := url.Parse(s.Website)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || len(s.Website) > maxText {
			errs = append(errs, fmt.Errorf("%swebsite must be an http or https URL of at most %d characters, without a user", prefix, maxText))
		}
	}
	if s.TimeZone != "" {
		if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
			errs = append(errs, fmt.Errorf("%stime_zone must be a name of the IANA database such as Asia/Kolkata, and is %q", prefix, s.TimeZone))
		}
	}
	return errors.Join(errs...)
}

func checkText(value string) error {
	switch {
	case utf8.RuneCountInString(value) > maxText:
		return fmt.Errorf("has more than %d characters", maxText)
	case strings.ContainsFunc(value, unicode.IsControl):
		return errors.New("has a control character")
	}
	return nil
}

// Of is what is said about a store.
func (s *Shop) Of(id string) Store {
	of, own := s.Store, s.Stores[id]
	if own.Name != "" {
		of.Name = own.Name
	}
	if own.Address != nil {
		of.Address = own.Address
	}
	if own.Phone != "" {
		of.Phone = own.Phone
	}
	if own.TaxID != "" {
		of.TaxID = own.TaxID
	}
	if own.Website != "" {
		of.Website = own.Website
	}
	if own.TimeZone != "" {
		of.TimeZone = own.TimeZone
	}
	return of
}
