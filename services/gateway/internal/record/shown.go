package record

import (
	"encoding/json"

	"github.com/tillseal/tillseal/shared/strictjson"
)

// Since is what became of a record since it was answered, and what only the row of it tells.
type Since struct {
	Anchor     Anchor
	RefundOf   string   // of a refund, its sale's id, however it was named; "" for none
	CustomerID string   // of a refund that names its sale, which says no customer_id; "" for a guest
	Refunded   string   // of a sale, in canonical form; "" for what is no sale
	Refunds    []string // and the ids of its refunds, the oldest first
}

// sentMembers are the members of a record that its answer does not have, in the order in which they are shown.
var sentMembers = []string{
	"refund_of_key", "customer_id", "redeem_points", "lines", "tenders", "occurred_at", "terminal_seq", "offline", "external_ref", "note", "reason", "metadata",
}

// AnchorOf reads the anchor of a 201's bytes.
func AnchorOf(answer []byte) (Anchor, error) {
	var a struct{ Anchor Anchor }
	err := json.Unmarshal(answer, &a)
	return a.Anchor, err
}

// Shown is a record as it was sent and answered: the members of the 201's bytes, with the anchor as it is now, and those of the request, every
// value byte for byte. What earlier builds did not answer, or did not take, is left out. The error is about stored bytes that were changed.
func Shown(answer, request []byte, now *Since) ([]byte, error) {
	sent := make(map[string][]byte)
	for member, err := range strictjson.Pieces(request) {
		if err != nil {
			return nil, err
		}
		sent[member.Name] = member.Raw
	}
	out := append(make([]byte, 0, len(answer)+len(request)+usualAnswer), '{')
	add := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendText(out, name), ':'), value...)
	}
	for member, err := range strictjson.Pieces(answer) {
		if err != nil {
			return nil, err
		}
		if member.Name != "anchor" {
			add(member.Name, member.Raw)
		}
	}
	if now.RefundOf != "" {
		add("refund_of", appendText(nil, now.RefundOf))
	}
	if now.Refunded != "" {
		add("refunded", appendText(nil, now.Refunded))
		add("refunds", appendTexts(nil, now.Refunds))
	}
	if sent["customer_id"] == nil && now.CustomerID != "" {
		add("customer_id", appendText(nil, now.CustomerID))
	}
	for _, name := range sentMembers {
		if value, ok := sent[name]; ok {
			add(name, value)
		}
	}
	anchor, err := json.Marshal(now.Anchor)
	if err != nil {
		return nil, err
	}
	add("anchor", anchor)
	return append(out, '}'), nil
}

func appendTexts(out []byte, texts []string) []byte {
	out = append(out, '[')
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendText(out, text)
	}
	return append(out, ']')
}
