package sale

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// More texts than there are places, by many at once: each has its own hash, first and again.
func TestAKeptHashIsTheTexts(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 3 * len(usualTexts.kept) {
				for _, text := range []string{"", "sale", fmt.Sprintf("t%d", i), strings.Repeat("x", i%(2*maxKeptText))} {
					assert.Equal(t, Keccak([]byte(text)), usualTexts.hash(text))
				}
			}
		})
	}
	all.Wait()
}
