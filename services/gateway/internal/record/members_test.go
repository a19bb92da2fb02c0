package record_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
)

func TestATenderIsWhatWasHandedOverLessTheChange(t *testing.T) {
	of := func(tender string) string {
		return outcome(`{"currency":"INR","total":"10.00","tenders":[` + tender + `]}`)
	}
	for tender, want := range map[string]string{
		`{"type":"cash","amount":"10.00","tendered":"12.00","change":"2.00"}`: "",
		`{"type":"cash","amount":"10.00","tendered":"10.00"}`:                 "",
		`{"type":"cash","amount":"10.00","tendered":"10","change":"0"}`:       "",
		`{"type":"cash","amount":"10.00","tendered":"12.00","change":"2.01"}`: mismatch + "/tenders/0/change is 2.01, tendered − amount is 2.00",
		`{"type":"cash","amount":"10.00","tendered":"9.00","change":"0"}`:     mismatch + "/tenders/0/change is 0.00, tendered − amount is -1.00",
		`{"type":"cash","amount":"10.00","tendered":"12.00"}`:                 mismatch + "/tenders/0/tendered is 12.00, the amount without change is 10.00",
		`{"type":"cash","amount":"10.00","change":"2.00"}`:                    invalid + "/tenders/0/change needs tendered: it is what was given back of that",
		`{"type":"cash","amount":"-10.00"}`: invalid + "/tenders/0/amount must be a plain decimal number in a string, such as 1249.50, " +
			"with at most 15 digits before the point",
		`{"type":"card","amount":"10.00","reference":"auth 004512"}`:                      "",
		`{"type":"card","amount":"10.00","reference":""}`:                                 invalid + "/tenders/0/reference is empty",
		`{"type":"card","amount":"10.00","reference":"` + strings.Repeat("x", 100) + `"}`: "",
		`{"type":"card","amount":"10.00","reference":"` + strings.Repeat("x", 101) + `"}`: invalid +
			"/tenders/0/reference has 101 characters, at most 100 are allowed",
		`{"amount":"10.00"}`:                         invalid + "/tenders/0/type is missing",
		`{"type":"","amount":"10.00"}`:               invalid + "/tenders/0/type is empty",
		`{"type":"cash"}`:                            invalid + "/tenders/0/amount is missing",
		`{"type":"cash","amount":"10.00","tip":"1"}`: "MALFORMED_JSON /tenders/0/tip is not a member of a record",
	} {
		require.Equal(t, want, of(tender), tender)
	}
	tender := `{"type":"voucher","amount":"0.20"}`
	require.Empty(t, of(strings.Repeat(tender+",", 49)+tender))
	require.Equal(t, invalid+"/tenders has 51 entries, at most 50 are allowed", of(strings.Repeat(tender+",", 50)+tender))
}

func TestReferencesAreKeptWithinTheirLimits(t *testing.T) {
	of := func(members string) string { return outcome(`{"currency":"INR","total":"10.00",` + members + `}`) }
	member := func(i int, value string) string { return fmt.Sprintf(`"m%d":%s`, i, value) }
	var twenty []string
	for i := range 20 {
		twenty = append(twenty, member(i, `"x"`))
	}
	for members, want := range map[string]string{
		`"external_ref":"` + strings.Repeat("é", 64) + `"`: "",
		`"external_ref":"` + strings.Repeat("é", 65) + `"`: invalid + "/external_ref has 65 characters, at most 64 are allowed",
		`"external_ref":" "`:                          invalid + "/external_ref is empty",
		`"note":"` + strings.Repeat("é", 500) + `"`:   "",
		`"note":"` + strings.Repeat("é", 501) + `"`:   invalid + "/note has 501 characters, at most 500 are allowed",
		`"reason":"` + strings.Repeat("é", 500) + `"`: "",
		`"reason":"` + strings.Repeat("é", 501) + `"`: invalid + "/reason has 501 characters, at most 500 are allowed",
		`"reason":7`:                                     invalid + "/reason must be a string, not a number",
		`"note":"a\u0007b"`:                              invalid + "/note has a control character",
		`"metadata":{}`:                                  "",
		`"metadata":{"table":"7","server":""}`:           "",
		`"metadata":[]`:                                  invalid + "/metadata must be an object, not an array",
		`"metadata":{"a":{"b":"c"}}`:                     invalid + "/metadata/a must be a string, not an object",
		`"metadata":{"a":7}`:                             invalid + "/metadata/a must be a string, not a number",
		`"metadata":{"a/b~c":null}`:                      invalid + "/metadata/a~1b~0c must be a string, not null",
		`"metadata":{" ":"x"}`:                           invalid + "/metadata/  has a name that is empty or has a control character",
		`"metadata":{"a":"x","a":"y"}`:                   "MALFORMED_JSON",
		`"metadata":{` + strings.Join(twenty, ",") + `}`: "",
		`"metadata":{` + strings.Join(append(twenty, member(20, `"x"`)), ",") + `}`:         invalid + "/metadata has 21 members, at most 20 are allowed",
		`"metadata":{"` + strings.Repeat("é", 40) + `":"` + strings.Repeat("é", 500) + `"}`: "",
		`"metadata":{"` + strings.Repeat("é", 41) + `":"x"}`: invalid +
			"/metadata/" + strings.Repeat("é", 41) + " has a name of more than 40 characters",
		`"metadata":{"a":"` + strings.Repeat("é", 501) + `"}`:      invalid + "/metadata/a has 501 characters, at most 500 are allowed",
		`"offline":true,"occurred_at":"2026-11-20T10:00:00+05:30"`: "",
		`"offline":false`:                      "",
		`"offline":true`:                       invalid + "/occurred_at is missing: a record that was made offline says when",
		`"offline":1`:                          invalid + "/offline must be true or false, not a number",
		`"occurred_at":"2199-01-01T00:00:00Z"`: "", // a till's clock is kept, whatever it says
	} {
		require.Equal(t, want, of(members), members)
	}
}

func TestATicketOfNothingIsASale(t *testing.T) {
	for body, want := range map[string]string{
		`{"currency":"EUR","total":"0"}`:                             "",
		`{"currency":"JPY","total":"0"}`:                             "",
		`{"currency":"KWD","total":"0.000","tenders":[]}`:            "",
		`{"kind":"sale","currency":"EUR","total":"0.00","lines":[]}`: "",
		`{"kind":"refund","currency":"EUR","total":"0.00"}`:          invalid + "/total must be greater than zero: a refund gives something back",
		`{"kind":"adjustment","currency":"XXX","total":"0"}`:         invalid + "/kind must be sale or refund",
	} {
		require.Equal(t, want, outcome(body), body)
	}
}

func TestARefundNamesItsSaleOnceOrNone(t *testing.T) {
	const id, key = `"refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5"`, `"refund_of_key":"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b"`
	of := func(members string) (record.Record, string) {
		body := `{"kind":"refund","currency":"EUR","total":"1.00"` + members + `}`
		rec, _ := record.Decode([]byte(body))
		return rec, outcome(body)
	}
	for members, want := range map[string]string{
		"," + id: "", "," + key: "", "": "", `,"customer_id":"C"`: "",
		`,"refund_of_key":" 0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b"`:    invalid + "/refund_of_key must be the sale's Idempotency-Key, a UUID v4",
		`,"refund_of_key":"\"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b\""`: invalid + "/refund_of_key must be the sale's Idempotency-Key, a UUID v4",
		"," + id + "," + key:             invalid + "/refund_of_key is given together with refund_of: give only one",
		"," + id + `,"customer_id":"C"`:  invalid + "/customer_id does not belong to a refund that names its sale: the customer is the sale's",
		"," + key + `,"customer_id":"C"`: invalid + "/customer_id does not belong to a refund that names its sale: the customer is the sale's",
		`,"redeem_points":1`:             invalid + "/redeem_points does not belong to a refund: the points that go back are the sale's",
	} {
		rec, got := of(members)
		require.Equal(t, want, got, members)
		if want == "" {
			require.Equal(t, !strings.Contains(members, "refund_of"), rec.Unreferenced())
		}
	}
}
