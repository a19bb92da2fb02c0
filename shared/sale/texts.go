package sale

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
)

// texts keeps the hashes of texts that many sales have: their kind, store, terminal and currency. They are half of what hashing a sale takes,
// which a gateway does under its locks. It is safe for concurrent use.
type texts struct {
	seed maphash.Seed
	kept [1024]atomic.Pointer[hashedText] // by the text's place: what comes later to a place takes it
}

type hashedText struct {
	text string
	hash common.Hash
}

// maxKeptText bounds what is kept: no id of a place, and no currency, is longer than a terminal's with its series.
const maxKeptText = 40

var usualTexts = &texts{seed: maphash.MakeSeed()}

// hash is the text's keccak256.
func (t *texts) hash(text string) common.Hash {
	if len(text) > maxKeptText {
		return Keccak([]byte(text))
	}
	place := &t.kept[maphash.String(t.seed, text)%uint64(len(t.kept))]
	if kept := place.Load(); kept != nil && kept.text == text {
		return kept.hash
	}
	hash := Keccak([]byte(text))
	place.Store(&hashedText{strings.Clone(text), hash}) // a clone, as the text may be a piece of a whole request
	return hash
}
