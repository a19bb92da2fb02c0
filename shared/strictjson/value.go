// Package strictjson reads JSON that every parser reads alike: RFC 8259, and beyond it valid UTF-8 only, no lone surrogate and no repeated
// member. encoding/json takes the last of two members, or one whose name differs in case, where others take the first; what is hashed,
// signed or counted as money must not mean two things. Which members are known is up to the caller.
package strictjson

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is what a JSON value is.
type Kind int

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String names the kind for an error: "must be a string, not an array".
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Value is a parsed JSON value.
type Value struct {
	Kind    Kind
	Text    string   // a string's value, or what was written for a number, a boolean or null
	Items   []*Value // of an array
	Members []Member // of an object, in the order received
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value *Value
}

// Member is the value of a member, nil when v has none of this name.
func (v *Value) Member(name string) *Value {
	for _, m := range v.Members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Unknown are the names of v's members that are not among names, in the order received.
func (v *Value) Unknown(names ...string) (unknown []string) {
	for _, m := range v.Members {
		if !slices.Contains(names, m.Name) {
			unknown = append(unknown, m.Name)
		}
	}
	return unknown
}

// Error says where and why Parse refuses a text. Its message quotes nothing of the text, which may come from anybody; Path does.
type Error struct {
	Byte int    // from 0
	Path string // the member concerned, such as tiers[0].name; "" at the top
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Byte, e.What) }

// within puts the name of the surrounding object or array before an error's path.
func within(name string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Path == "" || strings.HasPrefix(e.Path, "[") {
			e.Path = name + e.Path
		} else {
			e.Path = name + "." + e.Path
		}
	}
	return err
}
