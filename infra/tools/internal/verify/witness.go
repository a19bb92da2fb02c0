package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

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
	proof    []byte        // the whole, when it is a proof
}

// answered is the body of a 201, or of GET /sales/{id}.
type answered struct {
	SaleID       string      `json:"sale_id"`
	StoreID      string      `json:"store_id"`
	TerminalID   string      `json:"terminal_id"`
	RecordNumber uint64      `json:"record_number"`
	PreviousHash common.Hash `json:"previous_hash"`
	Anchor       struct {
		SaleHash common.Hash `json:"sale_hash"`
	} `json:"anchor"`
	Promise string `json:"promise"`
}

// batched is one entry of the answer of POST /record/batch.
type batched struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// wrongError is about a file that can be read and contradicts itself: it is a finding, not a failure to look.
type wrongError struct{ error }

// witnesses reads a proof, an answer, or the answers of a batch. keys may be nil. A wrongError is a finding.
func witnesses(file string, raw []byte, keys *promise.Set) ([]witness, error) {
	whole, err := strictjson.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is not strict JSON: %w", file, err)
	}
	if whole.Kind != strictjson.Array {
		one, err := witnessOf(file, raw, whole, keys)
		return []witness{one}, err
	}
	var entries []batched
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("%s is not the answer of /record/batch: %w", file, err)
	}
	var all []witness
	for i, e := range entries {
		if e.Status != http.StatusCreated {
			continue
		}
		body, err := strictjson.Parse(e.Body)
		if err != nil {
			return nil, fmt.Errorf("%s, entry %d is not strict JSON: %w", file, i, err)
		}
		one, err := witnessOf(fmt.Sprintf("%s[%d]", file, i), e.Body, body, keys)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func witnessOf(file string, raw []byte, v *strictjson.Value, keys *promise.Set) (witness, error) {
	w := witness{file: file}
	switch {
	case v.Kind == strictjson.Object && v.Member("sale") != nil:
		p, err := read(raw)
		if err != nil {
			return w, fmt.Errorf("%s is not a proof: %w", file, err)
		}
		w.committed = committed{p.Sale.SaleID, p.Sale.StoreID, p.Sale.TerminalID, p.Sale.RecordNumber, p.Sale.Hash()}
		if w.hash != p.SaleHash {
			return w, wrongError{fmt.Errorf("%s: the sale's fields do not hash to its sale_hash", file)}
		}
		w.previous, w.jws, w.proof = p.Sale.PreviousHash, p.Promise, raw
	case v.Kind == strictjson.Object && v.Member("sale_id") != nil && v.Member("anchor") != nil:
		var a answered
		if err := json.Unmarshal(raw, &a); err != nil {
			return w, fmt.Errorf("%s is not an answer: %w", file, err)
		}
		w.committed = committed{a.SaleID, a.StoreID, a.TerminalID, a.RecordNumber, a.Anchor.SaleHash}
		w.previous, w.jws = a.PreviousHash, a.Promise
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
	if err := w.differs(said); err != nil {
		return w, wrongError{fmt.Errorf("%s and its own promise contradict each other: %w", file, err)}
	}
	w.said = &said
	return w, nil
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
