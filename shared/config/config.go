// Package config reads a service's settings from the environment into its Config struct and tells, for every one that is
// wrong or missing, which variable it is. Values never stand in an error: they may be secrets.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/tillseal/tillseal/shared/fault"
)

// Checker is a Config that knows its own rules; Check names the variable in each error.
type Checker interface{ Check() error }

// Load fills a C, whose fields carry the tags of caarlos0/env and a `doc` tag, from environ (see os.Environ) and checks
// it. Errors are Invalid, one line a variable.
func Load[C any](environ []string) (C, error) {
	var c C
	err := env.ParseWithOptions(&c, env.Options{Environment: env.ToMap(environ)})
	if all, ok := errors.AsType[env.AggregateError](err); ok {
		return c, fault.As(fault.Invalid, errors.Join(explain(reflect.TypeFor[C](), all.Errors)...))
	}
	if err != nil {
		return c, fault.New(fault.Invalid, "environment: %w", err)
	}
	if checker, ok := any(c).(Checker); ok {
		if err := checker.Check(); err != nil {
			return c, fault.As(fault.Invalid, err)
		}
	}
	return c, nil
}

func explain(t reflect.Type, errs []error) []error {
	var out []error
	for _, err := range errs {
		var (
			unset    env.VarIsNotSetError
			empty    env.EmptyVarError
			unparsed env.ParseError
		)
		switch {
		case errors.As(err, &unset):
			out = append(out, fmt.Errorf("%s is not set", unset.Key))
		case errors.As(err, &empty):
			out = append(out, fmt.Errorf("%s is empty", empty.Key))
		case errors.As(err, &unparsed) && fault.Is(unparsed.Err, fault.Invalid): // a type of ours, which knows what may be shown
			out = append(out, fmt.Errorf("%s: %w", variableOf(t, unparsed.Name), unparsed.Err))
		case errors.As(err, &unparsed):
			out = append(out, fmt.Errorf("%s is not a valid %s", variableOf(t, unparsed.Name), unparsed.Type))
		default:
			out = append(out, err)
		}
	}
	return out
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
		_, _ = fmt.Fprintf(w, "  %s%s\n        %s\n", v.Name, note, v.Doc) // a --help that can't be written has no reader
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
