package verify

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"

	"github.com/ethereum/go-ethereum/common"
)

const usageChain = `verify chain: says whether records of one terminal agree with one chain.

  verify chain [-jwks URL|file] a.json b.json …

Each file is a proof (GET /sales/{id}/proof), an answer (the body of a 201 or of GET /sales/{id}) or the answer of
POST /record/batch; all are of one terminal. A terminal that went on in a new series after a restore, t1~2, is another one.
The shop numbers a terminal's records 1, 2, 3 … and each names the sale_hash of the one before it. A proof's sale_hash is
recomputed; that of an answer is the shop's word, which its promise signs. -jwks is the shop's /.well-known/jwks.json: the
promises' signatures are verified then.

One line is printed for each record and for each gap, by number: a gap says which records exist that were not given. A gap
alone contradicts nothing. Each contradiction has a line that begins with FAILED. Two hashes under one number convict the
shop when it has signed both.

The last line is "agree: …" or "disagree: …". Exit code 0: they agree. 1: they contradict each other, or one contradicts
itself. 2: wrong usage, or a file that can't be read.

`

// chainMain is the program's command chain.
func (c command) chainMain(args []string) int {
	flags := flag.NewFlagSet("verify chain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	jwks := flags.String("jwks", "", "")
	files, code, done := c.parsed(flags, args, usageChain)
	switch {
	case done:
		return code
	case len(files) == 0:
		return c.failed(errors.New("give the files of a terminal's records; see --help"))
	}
	keys, err := c.keys(*jwks)
	if err != nil {
		return c.failed(err)
	}
	var all []witness
	var wrong []wrongError
	for _, file := range files {
		raw, err := readFile(file, c.stdin, maxWitnessBytes)
		if err != nil {
			return c.failed(err)
		}
		some, bad, err := witnesses(file, raw, keys)
		if err != nil {
			return c.failed(err)
		}
		all, wrong = append(all, some...), append(wrong, bad...)
	}
	if err := oneTerminal(all); err != nil {
		return c.failed(err)
	}
	if len(all)+len(wrong) == 0 {
		return c.failed(errors.New("the files hold no record"))
	}
	t := newTogether(c.say)
	for _, w := range wrong {
		t.fault("%v", w)
	}
	t.all(all)
	if keys == nil {
		c.say("the promises' signatures were not checked, for want of -jwks")
	}
	if t.faults > 0 {
		return c.conclude(exitInvalid, "disagree: %s", counted(t.faults, "contradiction"))
	}
	first, last := all[0], all[len(all)-1]
	return c.conclude(exitValid, "agree: terminal %s in store %s, records %d to %d, %s", last.terminal, last.store, first.number, last.number,
		counted(t.gaps, "gap"))
}

// oneTerminal refuses records of several terminals: each has a chain of its own.
func oneTerminal(all []witness) error {
	for _, w := range all {
		if first := all[0]; w.terminal != first.terminal || w.store != first.store {
			return fmt.Errorf("the files are of several terminals: %s is of %s in store %s, %s of %s in store %s", first.file, first.terminal, first.store,
				w.file, w.terminal, w.store)
		}
	}
	return nil
}

// counted is "1 gap" or "2 gaps".
func counted(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d %s", n, of)
}

// held is the hash under a number, as one source has it.
type held struct {
	number uint64
	hash   common.Hash
	by     string   // the file that has it, or names it
	record *witness // nil: the record after it names it
}

// together puts records of one terminal into one chain. Each record says a hash under two numbers, its own and the one before it: all agree
// when no number has two hashes and no hash two numbers. Number 0, before the first record, has the hash zero.
type together struct {
	say      func(string, ...any)
	byNumber map[uint64]held
	byHash   map[common.Hash]held
	byID     map[string]witness

	gaps, faults int
}

func newTogether(say func(string, ...any)) *together {
	start := held{by: "the terminal's beginning"}
	return &together{
		say: say, byNumber: map[uint64]held{0: start}, byHash: map[common.Hash]held{{}: start}, byID: map[string]witness{},
	}
}

func (t *together) fault(format string, values ...any) {
	t.faults++
	t.say("FAILED  "+format, values...)
}

// all sorts the records by number and says each, each gap and each contradiction.
func (t *together) all(records []witness) {
	slices.SortStableFunc(records, func(a, b witness) int { return cmp.Compare(a.number, b.number) })
	var before uint64
	for i := range records {
		w := &records[i]
		named := t.follows(w)
		if w.number > before+1 {
			t.gaps++
			t.gap(before+1, w, named)
		}
		t.say("%-8d%s  %s", w.number, w.hash, w.file)
		t.stands(w)
		before = w.number
	}
}

// follows takes what a record says of the one before it; it reports whether nothing contradicts that.
func (t *together) follows(w *witness) bool {
	says := held{number: w.number - 1, hash: w.previous, by: w.file}
	was, known := t.byNumber[says.number]
	other, taken := t.byHash[says.hash]
	switch {
	case known && was.hash != says.hash && says.number == 0:
		t.fault("record 1 (%s) names %s as the record before it, and there is none before the first", w.file, w.previous)
	case known && was.hash != says.hash:
		t.fault("record %d (%s) names %s as the record before it, which is %s (%s)", w.number, w.file, w.previous, was.hash, was.by)
	case taken && other.number != says.number && other.number == 0:
		t.fault("record %d (%s) names no record before it", w.number, w.file)
	case taken && other.number != says.number:
		t.fault("record %d (%s) names %s as record %d, which stands under number %d (%s)", w.number, w.file, w.previous, says.number, other.number, other.by)
	default:
		if !known {
			t.byNumber[says.number], t.byHash[says.hash] = says, says
		}
		return true
	}
	return false
}

// stands takes a record under its own number.
func (t *together) stands(w *witness) {
	if other, seen := t.byID[w.id]; seen && other.number != w.number {
		t.fault("sale %s stands under the numbers %d (%s) and %d (%s)", w.id, other.number, other.file, w.number, w.file)
	}
	t.byID[w.id] = *w
	was, known := t.byNumber[w.number]
	other, taken := t.byHash[w.hash]
	switch {
	case known && was.record != nil && was.hash != w.hash:
		t.fault("record %d is %s (%s) and %s (%s): two hashes under one terminal and record_number, %s", w.number, was.hash, was.by, w.hash, w.file,
			convicts(was.record, w))
		return
	case known && was.record != nil && (was.record.previous != w.previous || was.record.id != w.id):
		t.fault("record %d is not the same in %s and %s, which give it one hash", w.number, was.by, w.file)
	case taken && other.number != w.number:
		t.fault("%s stands under the numbers %d (%s) and %d (%s)", w.hash, other.number, other.by, w.number, w.file)
	}
	mine := held{w.number, w.hash, w.file, w}
	if t.byNumber[w.number] = mine; !taken {
		t.byHash[w.hash] = mine
	}
}

// convicts says whether two records with other hashes under one number convict the shop: anybody can write a file.
func convicts(a, b *witness) string {
	switch {
	case a.signed && b.signed:
		return "both signed by the shop, which convicts the shop"
	case a.said != nil && b.said != nil:
		return "both with a promise, which convicts the shop if it has signed both: -jwks tells"
	}
	return "not both with a promise: that convicts the shop only with its signature under each"
}

// gap says which records exist that were not given, since w does. named is whether its word for the one before it stands.
func (t *together) gap(from uint64, w *witness, named bool) {
	last := w.number - 1
	if from < last {
		t.say("gap     records %d to %d exist and are not among the files", from, last-1)
	}
	if named {
		t.say("gap     record %d exists, with sale_hash %s (%s names it), and is not among the files", last, w.previous, w.file)
		return
	}
	t.say("gap     record %d is not among the files", last)
}
