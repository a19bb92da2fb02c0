package stream

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/shared/event"
)

// schemaOf has the types that marshal otherwise than their kind suggests.
var schemaOf = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[common.Hash]():     {Type: "string", Pattern: "^0x[0-9a-f]{64}$"},
	reflect.TypeFor[common.Address]():  {Type: "string", Pattern: "^0x[0-9a-fA-F]{40}$"},
	reflect.TypeFor[uuid.UUID]():       {Type: "string", Format: "uuid"},
	reflect.TypeFor[json.RawMessage](): {},
	reflect.TypeFor[json.Number]():     {Type: "number"},
}

// schema is the JSON Schema of a type, as text for an endpoint's metadata.
func schema[T any]() (string, error) {
	s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: schemaOf})
	if err != nil {
		return "", fmt.Errorf("describe %s: %w", reflect.TypeFor[T](), err)
	}
	text, err := event.PlainJSON(s)
	return string(text), err
}
