package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// maxWitnessBytes is the longest file that is read: the answer to a batch of 500.
const maxWitnessBytes = 8 << 20

// witness is what one answer or proof shows of a record.
type witness struct {
	committed

	file     string // which it is from, for people
	previous common.Hash
	jws      string        // its promise; "" for none
	said     *promise.Sale // what that says; nil for none
	signed   bool          // a key of the shop signed it
	proof    []byte        // the whole, when it is a proof
}

// answerShape is what is read of a 201's body, or that of GET /sales/{id}: infra/docs/CONTRACT.md, 3.
var answerShape = form{open: true, members: map[string]form{
	"sale_id": something, "store_id": something, "terminal_id": something, "recorded_at": something,
	"record_number": {number: regexp.MustCompile(`^[1-9][0-9]{0,18}$`)}, "previous_hash": bytes32,
	"anchor": {open: true, members: map[string]form{"sale_hash": bytes32}},
}}

// batched is one entry of the answer of POST /record/batch.
type batched struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// wrongError is about a file that can be read and contradicts itself: it is a finding, not a failure to look.
type wrongError struct{ error }

// witnesses reads a proof, an answer, or the answers of a batch. keys may be nil. wrong are those that contradict themselves, and why; err
// is about a file that can't be read.
func witnesses(file string, raw []byte, keys *promise.Set) (all []witness, wrong []wrongError, err error) {
	whole, err := strictjson.Parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is not strict JSON: %w", file, err)
	}
	take := func(name string, raw []byte, v *strictjson.Value) error {
		one, err := witnessOf(name, raw, v, keys)
		if finding, is := errors.AsType[wrongError](err); is {
			wrong = append(wrong, finding)
			return nil
		}
		all = append(all, one)
		return err
	}
	if whole.Kind != strictjson.Array {
		err := take(file, raw, whole)
		return all, wrong, err
	}
	var entries []batched
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, nil, fmt.Errorf("%s is not the answer of /record/batch", file)
	}
	for i, e := range entries {
		if e.Status != http.StatusCreated {
			continue
		}
		body := whole.Items[i].Member("body")
		if body == nil {
			return nil, nil, fmt.Errorf("%s is not the answer of /record/batch: entry %d has no body", file, i)
		}
		if err := take(fmt.Sprintf("%s[%d]", file, i), e.Body, body); err != nil {
			return nil, nil, err
		}
	}
	return all, wrong, nil
}

// witnessOf reads a proof or an answer. With a wrongError it returns what the file says none the less.
func witnessOf(file string, raw []byte, v *strictjson.Value, keys *promise.Set) (witness, error) {
	w := witness{file: file}
	contradicts := func(said promise.Sale) error { return w.differs(said) }
	switch {
	case v.Kind == strictjson.Object && v.Member("sale") != nil:
		p, err := read(raw)
		if err != nil {
			return w, fmt.Errorf("%s is not a proof: %w", file, err)
		}
		w.committed, w.previous, w.jws, w.proof = p.committed(), p.Sale.PreviousHash, p.Promise, raw
		if p.Sale.Hash() != p.SaleHash {
			return w, wrongError{fmt.Errorf("%s: the sale's fields do not hash to its sale_hash", file)}
		}
		contradicts = p.contradicts
	case v.Kind == strictjson.Object && v.Member("sale_id") != nil && v.Member("anchor") != nil:
		if err := w.answered(v); err != nil {
			return w, fmt.Errorf("%s is not a record's answer: %w", file, err)
		}
	default:
		return w, fmt.Errorf("%s is neither a proof nor the answer of a record", file)
	}
	if w.number == 0 || w.hash == (common.Hash{}) || w.terminal == "" {
		return w, fmt.Errorf("%s has no record_number, sale_hash or terminal_id", file)
	}
	if w.jws == "" {
		return w, nil
	}
	said, err := opened(w.jws, keys)
	if err != nil {
		return w, wrongError{fmt.Errorf("%s: its promise: %w", file, err)}
	}
	w.said, w.signed = &said, keys != nil
	if err := contradicts(said); err != nil {
		return w, wrongError{fmt.Errorf("%s and its own promise contradict each other: %w", file, err)}
	}
	return w, nil
}

// answered reads an answer. Records of before there were promises have none.
func (w *witness) answered(v *strictjson.Value) error {
	if err := answerShape.check("", v); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, v.Member("recorded_at").Text)
	if err != nil {
		return errors.New("recorded_at is not a time of RFC 3339")
	}
	number, err := strconv.ParseUint(v.Member("record_number").Text, 10, 64)
	if err != nil {
		return errors.New("record_number is out of range")
	}
	w.committed = committed{
		v.Member("sale_id").Text, v.Member("store_id").Text, v.Member("terminal_id").Text, number,
		common.HexToHash(v.Member("anchor").Member("sale_hash").Text), at.Unix(),
	}
	w.previous = common.HexToHash(v.Member("previous_hash").Text)
	if jws := v.Member("promise"); jws != nil {
		if jws.Kind != strictjson.String {
			return errors.New("promise is malformed")
		}
		w.jws = jws.Text
	}
	return nil
}

// readFile reads a file, or standard input for "-", up to a limit.
func readFile(file string, stdin io.Reader, limit int64) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > limit:
		return nil, fmt.Errorf("%s is longer than %d bytes", file, limit)
	case len(strings.TrimSpace(string(raw))) == 0:
		return nil, errors.New(file + " is empty")
	}
	return raw, nil
}
