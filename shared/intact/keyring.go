package intact

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tillseal/tillseal/shared/promise"
)

// Keyring checks rows by the shop's keys, which it reads again when a promise names one that it does not know. It is safe for concurrent use.
type Keyring struct {
	read func(context.Context) (Keys, error)
	keys atomic.Pointer[Keys]
}

// NewKeyring makes a keyring; read reads the keys from where the rows are.
func NewKeyring(read func(context.Context) (Keys, error)) *Keyring { return &Keyring{read: read} }

// checkEach is how many rows make it worth another goroutine: each takes some thirty microseconds, most of them for its signature.
const checkEach = 8

// Check returns for each row what is wrong with it, nil for one that is intact. The error is the one of reading the keys, without which nothing
// is known of any row.
func (k *Keyring) Check(ctx context.Context, rows ...*Row) ([]error, error) {
	wrong := make([]error, len(rows))
	keys := k.keys.Load()
	if keys != nil {
		checkAll(keys, rows, wrong)
	}
	if keys != nil && !unknown(wrong) {
		return wrong, nil
	}
	fresh, err := k.read(ctx) // after the rows were: it has every key that signed them
	if err != nil {
		return nil, err
	}
	k.keys.Store(&fresh)
	checkAll(&fresh, rows, wrong)
	return wrong, nil
}

// Forget has the keys read again: another database answers.
func (k *Keyring) Forget() { k.keys.Store(nil) }

func unknown(wrong []error) bool {
	for _, err := range wrong {
		if errors.Is(err, promise.ErrUnknownKey) {
			return true
		}
	}
	return false
}

func checkAll(keys *Keys, rows []*Row, wrong []error) {
	workers := min(runtime.GOMAXPROCS(0), 1+len(rows)/checkEach)
	var all sync.WaitGroup
	for w := range workers {
		from, to := w*len(rows)/workers, (w+1)*len(rows)/workers
		do := func() { copy(wrong[from:to], keys.CheckAll(rows[from:to]...)) }
		if w == workers-1 {
			do()
			break
		}
		all.Go(do)
	}
	all.Wait()
}

// KeysOf are the keys of JWKs as they are stored, and the mark of records without a promise. What is no key is left out: nothing that it is said
// to have signed is intact.
func KeysOf(jwks []string, unpromisedUS int64) Keys {
	keys := Keys{UnpromisedUS: unpromisedUS}
	for _, text := range jwks {
		if jwk, err := promise.ParseJWK([]byte(text)); err == nil {
			keys.Published.Keys = append(keys.Published.Keys, jwk)
		}
	}
	return keys
}
