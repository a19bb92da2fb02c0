package event

import (
	"bytes"
	"encoding/json"
)

// PlainJSON is json.Marshal without the escapes of <, > and &, which are for pages that quote JSON. A text is at most twice as long in it as
// it was sent (U+2028 in raw form, three bytes, becomes six).
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
