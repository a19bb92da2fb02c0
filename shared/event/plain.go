package event

import (
	"bytes"
	"encoding/json"
)

// PlainJSON is json.Marshal for what people read: <, > and & are not escaped, where Marshal would escape them for pages that quote JSON.
// What is hashed or stored is not made with it.
func PlainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
