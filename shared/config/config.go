// Package config reads a service's settings from the environment into its Config struct and names every variable that is wrong or missing.
// Values never appear in an error: they may be secrets.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/tillseal/tillseal/shared/fault"
)

// Checker is a Config that knows its own rules. Check joins an error for each broken rule (errors.Join), and each names all variables that
// the rule reads.
type Checker interface{ Check() error }

// Load fills a C, whose fields carry the tags of caarlos0/env and a `doc` tag, from environ (see os.Environ) and checks
// it. Errors are Invalid, one line a variable, and report every wrong variable at once.
func Load[C any](environ []string) (C, error) {
	var c C
	err := env.ParseWithOptions(&c, env.Options{Environment: env.ToMap(environ)})
	all, each := errors.AsType[env.AggregateError](err)
	if err != nil && !each {
		return c, fault.New(fault.Invalid, "environment: %w", err)
	}
	wrong, unread := explain(reflect.TypeFor[C](), all.Errors)
	if checker, ok := any(c).(Checker); ok {
		for _, err := range apart(checker.Check()) {
			if !restsOn(err, unread) { // a variable that could not be read was reported, and its field is empty
				wrong = append(wrong, err)
			}
		}
	}
	return c, fault.WithKind(fault.Invalid, errors.Join(wrong...))
}

// apart splits joined errors.
func apart(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok { // only a joined error itself: what wraps one says more than its parts
		parts := many.Unwrap()
		if err.Error() == errors.Join(parts...).Error() {
			var all []error
			for _, part := range parts {
				all = append(all, apart(part)...)
			}
			return all
		}
	}
	return []error{err}
}

// variableName finds the variables that an error names.
var variableName = regexp.MustCompile(`[A-Z][A-Z0-9_]*`)

// restsOn reports whether an error of Check names one of variables, and so rests on it.
func restsOn(err error, variables []string) bool {
	return slices.ContainsFunc(variableName.FindAllString(err.Error(), -1), func(n string) bool { return slices.Contains(variables, n) })
}

// explain words the library's errors for operators, and lists the variables that they are about.
func explain(t reflect.Type, errs []error) (wrong []error, variables []string) {
	for _, err := range errs {
		var (
			unset    env.VarIsNotSetError
			empty    env.EmptyVarError
			unparsed env.ParseError
			variable string
		)
		switch {
		case errors.As(err, &unset):
			variable, err = unset.Key, fmt.Errorf("%s is not set", unset.Key)
		case errors.As(err, &empty):
			variable, err = empty.Key, fmt.Errorf("%s is empty", empty.Key)
		case errors.As(err, &unparsed) && fault.Is(unparsed.Err, fault.Invalid): // a type of ours, whose errors show no secret
			variable = variableOf(t, unparsed.Name)
			err = fmt.Errorf("%s: %w", variable, unparsed.Err)
		case errors.As(err, &unparsed):
			variable = variableOf(t, unparsed.Name)
			err = fmt.Errorf("%s must be %s", variable, expected(unparsed.Type))
		}
		wrong, variables = append(wrong, err), append(variables, variable)
	}
	return wrong, variables
}

// expected describes how a value of type t is written.
func expected(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a duration such as 30s, 5m or 1h"
	}
	switch kind := t.Kind(); {
	case kind == reflect.Bool:
		return "true or false"
	case kind >= reflect.Int && kind <= reflect.Int64:
		return "a whole number such as 100"
	case kind >= reflect.Uint && kind <= reflect.Uint64:
		return "a whole number such as 100, not below 0"
	case kind == reflect.Slice || kind == reflect.Map:
		return "a list, separated by commas, of " + expected(t.Elem())
	}
	return "a valid " + t.String()
}

// CheckURL returns what is wrong with a variable's URL, without showing it: it must have one of schemes and a host, as example has.
func CheckURL(variable string, value Secret, example string, schemes ...string) error {
	if value == "" {
		return fault.New(fault.Invalid, "%s is not set", variable)
	}
	u, err := url.Parse(strings.TrimSpace(value.Reveal()))
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || !validPort(u) {
		return fault.New(fault.Invalid, "%s must be a URL such as %s (%s://, with a host)", variable, example, strings.Join(schemes, ":// or "))
	}
	return nil
}

// CheckURLs is CheckURL for a list separated by commas.
func CheckURLs(variable string, value Secret, example string, schemes ...string) error {
	if value == "" {
		return fault.New(fault.Invalid, "%s is not set", variable)
	}
	for one := range strings.SplitSeq(value.Reveal(), ",") {
		if CheckURL(variable, Secret(one), example, schemes...) != nil {
			return fault.New(fault.Invalid, "%s must be URLs such as %s (%s://, with a host), separated by commas",
				variable, example, strings.Join(schemes, ":// or "))
		}
	}
	return nil
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	const bits = 16
	port, err := strconv.ParseUint(u.Port(), 10, bits)
	return err == nil && port > 0
}

// CheckAddr returns what is wrong with a variable's host:port to listen on; the host may be empty, for all addresses.
func CheckAddr(variable, addr string) error {
	const bits = 16
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, bits)
	}
	if err != nil {
		return fault.New(fault.Invalid, "%s must be a host:port such as 127.0.0.1:8080", variable)
	}
	return nil
}

// CheckPostgresURL returns what is wrong with a variable's Postgres URL, without showing it. Its host may be a socket's directory, in the
// parameter host.
func CheckPostgresURL(variable string, value Secret) error {
	if value == "" {
		return fault.New(fault.Invalid, "%s is not set", variable)
	}
	u, err := url.Parse(value.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Hostname() == "" && u.Query().Get("host") == "" {
		return fault.New(fault.Invalid, "%s must be a Postgres URL such as postgres://role@127.0.0.1:5432/tillseal", variable)
	}
	return nil
}

// variableOf finds the variable of a field by the field's name, since the library's parse errors know only the latter.
func variableOf(t reflect.Type, field string) string {
	for v := range variables(t) {
		if v.Field == field {
			return v.Name
		}
	}
	return field
}

// Variable describes one setting.
type Variable struct {
	Name, Field, Default, Doc string
	Required                  bool
}

func variables(t reflect.Type) func(yield func(Variable) bool) {
	return func(yield func(Variable) bool) { walk(t, yield) }
}

func walk(t reflect.Type, yield func(Variable) bool) bool {
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("env")
		if !tagged {
			if f.Type.Kind() == reflect.Struct && !walk(f.Type, yield) {
				return false
			}
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" || name == "-" {
			continue
		}
		v := Variable{
			Name: name, Field: f.Name, Default: f.Tag.Get("envDefault"), Doc: f.Tag.Get("doc"),
			Required: strings.Contains(options, "required"),
		}
		if !yield(v) {
			return false
		}
	}
	return true
}

// Variables lists what C reads, in the order of its fields.
func Variables[C any]() []Variable {
	var all []Variable
	for v := range variables(reflect.TypeFor[C]()) {
		all = append(all, v)
	}
	return all
}

// Describe writes the variables of C as a --help text.
func Describe[C any](w io.Writer) {
	for _, v := range Variables[C]() {
		note := ""
		switch {
		case v.Required:
			note = " (required)"
		case v.Default != "":
			note = " (default " + v.Default + ")"
		}
		_, _ = fmt.Fprintf(w, "  %s%s\n        %s\n", v.Name, note, v.Doc) // nobody reads a --help that can't be written
	}
}

// Secret is a value that must not be shown: a password, a key, or a URL that may hold one. Only Reveal gives it away.
type Secret string

// Reveal returns the value, for the one call that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = Secret(b); return nil }
