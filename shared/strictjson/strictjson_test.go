package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/strictjson"
)

// plain is a value as encoding/json has it.
func plain(v *strictjson.Value) any {
	switch v.Kind {
	case strictjson.Null:
		return nil
	case strictjson.Bool:
		return v.Text == "true"
	case strictjson.Number:
		return json.Number(v.Text)
	case strictjson.Array:
		all := make([]any, len(v.Items))
		for i, item := range v.Items {
			all[i] = plain(item)
		}
		return all
	case strictjson.Object:
		all := make(map[string]any, len(v.Members))
		for _, m := range v.Members {
			all[m.Name] = plain(m.Value)
		}
		return all
	case strictjson.String:
	}
	return v.Text
}

// FuzzParse: whatever Parse takes is JSON, and others read the same in it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\n"],"b":{"c":{}}}`, `{"a":1,"a":2}`, `"\ud83d"`, "\xff", `nul`, ``, ` 7 `, `[1,]`, `{"":{}}`,
		`[[[[[[[[[[[[[[[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := strictjson.Parse(text)
		if err != nil {
			at, ok := errors.AsType[*strictjson.Error](err)
			require.True(t, ok, "%v", err)
			require.LessOrEqual(t, at.Byte, len(text))
			return
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		var others any
		require.NoError(t, decoder.Decode(&others))
		require.Equal(t, others, plain(v))
	})
}

func TestWhatCouldBeReadInTwoWaysIsRefusedAndItsPlaceTold(t *testing.T) {
	var many string
	for i := range 20 {
		many += `,"m` + string(rune('a'+i)) + `":0`
	}
	for _, c := range []struct {
		text string
		at   int
		path string
		what string
	}{
		{`{"a":1,"a":2}`, 7, "a", "a member is repeated"},
		{`{"a":1,"\u0061":2}`, 7, "a", "a member is repeated"},
		{`{"first":0` + many + `,"first":1}`, 10 + len(many) + 1, "first", "a member is repeated"},
		{`{"tiers":[{},{"name":1,"name":2}]}`, 23, "tiers[1].name", "a member is repeated"},
		{`[[1],[2,x]]`, 8, "[1][1]", "expected a JSON value"},
		{`{"a":1}{}`, 7, "", "something follows the JSON value"},
		{`{"a":"` + "\xff" + `"}`, 6, "", "the text is not valid UTF-8"},
		{`"\ud83d"`, 7, "", "half of a surrogate pair"},
		{`"\ud83d\u0041"`, 13, "", "half of a surrogate pair"},
		{"\"a\nb\"", 2, "", "an unescaped control character in a string"},
		{`01`, 1, "", "something follows the JSON value"},
		{`[1,]`, 3, "[1]", "expected a JSON value"},
		{`{"a" 1}`, 5, "a", "expected ':'"},
		{strings.Repeat("[", 17), 16, strings.Repeat("[0]", 16), "nested too deeply"},
		{``, 0, "", "expected a JSON value"},
	} {
		_, err := strictjson.Parse([]byte(c.text))
		at, ok := errors.AsType[*strictjson.Error](err)
		require.True(t, ok, "%s: %v", c.text, err)
		require.Equal(t, strictjson.Error{Byte: c.at, Path: c.path, What: c.what}, *at, c.text)
		require.NotContains(t, err.Error(), "tiers", "a message quotes nothing")
	}
	v, err := strictjson.Parse([]byte(`{"a":1,"A":2,"b":{"a":3}}`))
	require.NoError(t, err, "these are different members")
	require.Equal(t, []string{"A", "b"}, v.Unknown("a", "c"))
	require.Equal(t, "2", v.Member("A").Text)
	require.Nil(t, v.Member("c"))
	_, err = strictjson.Parse([]byte(strings.Repeat("[", 16) + strings.Repeat("]", 16)))
	require.NoError(t, err)
}

func elements(text string) (all []string, err error) {
	for raw, err := range strictjson.Elements([]byte(text)) {
		if err != nil {
			return all, err
		}
		all = append(all, string(raw))
	}
	return all, nil
}

func TestAnArrayIsSplitWhateverItsElementsAre(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                                nil,
		` [ ] `:                             nil,
		`[ {"a":"]"} , [1,[2]],"\"," , 7 ]`: {`{"a":"]"}`, `[1,[2]]`, `"\","`, `7`},
		`[{"a":1,"a":2},nul]`:               {`{"a":1,"a":2}`, `nul`},
	} {
		all, err := elements(text)
		require.NoError(t, err, text)
		require.Equal(t, want, all, text)
	}
	for text, what := range map[string]string{
		`{}`: "at byte 0: expected '['", `[1,]`: "at byte 3: expected a value",
		`[{"a":1]`: "at byte 7: mismatched bracket",
		`[1`:       "at byte 2: expected ',' or ']'", `["a`: "at byte 3: a string does not end",
		`[1]2`:      "at byte 3: something follows the JSON value",
		`["a" "b"]`: "at byte 5: expected ',' or ']'", `[{`: "at byte 2: an object or an array does not end",
	} {
		_, err := elements(text)
		require.EqualError(t, err, what, text)
	}
	for raw := range strictjson.Elements([]byte(`[1,2`)) {
		require.Equal(t, "1", string(raw))
		break // an error further on is not reported
	}
}

func TestAnObjectIsSplitRepeatedNamesAndAll(t *testing.T) {
	var all []string
	for piece, err := range strictjson.Pieces([]byte(`{"a" : {"b":[]}, "a":2,"\u0063":null}`)) {
		require.NoError(t, err)
		all = append(all, piece.Name+"="+string(piece.Raw))
	}
	require.Equal(t, []string{`a={"b":[]}`, "a=2", "c=null"}, all)
	for text, what := range map[string]string{
		`{a:1}`: "at byte 1: expected a member's name in double quotes", `{"a"}`: "at byte 4: expected ':'", `{"a":}`: "at byte 5: expected a value",
		`[]`: "at byte 0: expected '{'",
	} {
		for _, err := range strictjson.Pieces([]byte(text)) {
			require.EqualError(t, err, what, text)
		}
	}
	require.Equal(t, byte('{'), strictjson.First([]byte("\n {")))
	require.Zero(t, strictjson.First([]byte("  ")))
}
