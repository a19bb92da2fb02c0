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
POST /record/batch; all are of one terminal. The shop numbers a terminal's records 1, 2, 3 … and each names the sale_hash of
the one before it. One line is printed for each record and for each gap: a gap says which records exist that were not given.
A gap alone contradicts nothing.

-jwks is the shop's /.well-known/jwks.json: the promises' signatures are verified then.

The last line is "agree: …" or "disagree: …". Exit code 0: they agree. 1: they contradict each other, or one contradicts
itself. 2: wrong usage, or a file that can't be read.

`

var errTerminals = errors.New("the files are of several terminals")

// chainMain is the program's command chain.
func (c command) chainMain(args []string) int {
	flags := flag.NewFlagSet("verify chain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	jwks := flags.String("jwks", "", "")
	if code, done := c.parsed(flags, args, usageChain); done {
		return code
	}
	if flags.NArg() == 0 {
		return c.failed(errors.New("give the files of a terminal's records; see --help"))
	}
	keys, err := c.keys(*jwks)
	if err != nil {
		return c.failed(err)
	}
	var all []witness
	for _, file := range flags.Args() {
		raw, err := readFile(file, c.stdin, maxWitnessBytes)
		if err != nil {
			return c.failed(err)
		}
		found, err := witnesses(file, raw, keys)
		if wrong, ok := errors.AsType[wrongError](err); ok {
			return c.conclude(exitInvalid, "disagree: %v", wrong)
		}
		if err != nil {
			return c.failed(err)
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return c.failed(errors.New("the files hold no record"))
	}
	for _, w := range all[1:] {
		if w.terminal != all[0].terminal || w.store != all[0].store {
			return c.failed(fmt.Errorf("%w: %s is of %s in store %s, %s of %s in store %s", errTerminals, all[0].file, all[0].terminal, all[0].store,
				w.file, w.terminal, w.store))
		}
	}
	gaps, err := together(all, c.say)
	if err != nil {
		return c.conclude(exitInvalid, "disagree: %v", err)
	}
	if keys == nil {
		c.say("the promises' signatures were not checked, for want of -jwks")
	}
	last := all[len(all)-1]
	return c.conclude(exitValid, "agree: terminal %s in store %s, records %d to %d, %d gaps", last.terminal, last.store, all[0].number, last.number, gaps)
}

// together sorts records of one terminal, says each and each gap, and returns the number of gaps, or how they contradict one chain.
func together(all []witness, say func(string, ...any)) (gaps int, err error) {
	slices.SortStableFunc(all, func(a, b witness) int { return cmp.Compare(a.number, b.number) })
	before := witness{file: "the terminal's beginning"} // number 0, whose hash is zero
	ids := make(map[string]uint64)
	for _, w := range all {
		if number, seen := ids[w.id]; seen && number != w.number {
			return gaps, fmt.Errorf("sale %s stands under the numbers %d and %d (%s)", w.id, number, w.number, w.file)
		}
		ids[w.id] = w.number
		switch {
		case w.number == before.number:
			if err := same(before, w); err != nil {
				return gaps, err
			}
		case w.number == before.number+1 && w.previous != before.hash:
			return gaps, fmt.Errorf("record %d (%s) names %s as the hash of the record before it, which is %s (%s)", w.number, w.file, w.previous,
				before.hash, before.file)
		case w.number > 1 && w.previous == (common.Hash{}):
			return gaps, fmt.Errorf("record %d (%s) names no record before it", w.number, w.file)
		case w.number > before.number+1:
			gaps++
			gap(before.number+1, w, say)
		}
		say("%-8d%s  %s", w.number, w.hash, w.file)
		before = w
	}
	return gaps, nil
}

// same compares two that have one number.
func same(a, b witness) error {
	switch {
	case a.hash != b.hash && a.said != nil && b.said != nil:
		return fmt.Errorf("record %d is %s (%s) and %s (%s), both of which the shop has promised: %w", a.number, a.hash, a.file, b.hash, b.file, errTwoHashes)
	case a.hash != b.hash:
		return fmt.Errorf("record %d is %s (%s) and %s (%s): %w", a.number, a.hash, a.file, b.hash, b.file, errTwoHashes)
	case a.previous != b.previous || a.id != b.id:
		return fmt.Errorf("record %d is not the same in %s and %s", a.number, a.file, b.file)
	}
	return nil
}

// gap says which records exist that were not given, since w does.
func gap(from uint64, w witness, say func(string, ...any)) {
	last := w.number - 1
	if from < last {
		say("gap     records %d to %d exist and are not among the files", from, last-1)
	}
	say("gap     record %d exists, with sale_hash %s (%s names it), and is not among the files", last, w.previous, w.file)
}
