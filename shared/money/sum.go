package money

import (
	"math/big"
	"math/bits"
)

// Sum is an exact sum of amounts in one currency. It has 128 bits: as many of the largest amounts as there can ever be fit. The zero value is 0.
type Sum struct {
	hi int64
	lo uint64
}

// Add adds an amount, which may be negative.
func (s *Sum) Add(m Minor) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(m), 0)
	s.hi += int64(m>>63) + int64(carry)
}

// Minus is s − t.
func (s Sum) Minus(t Sum) Sum {
	lo, borrow := bits.Sub64(s.lo, t.lo, 0)
	return Sum{hi: s.hi - t.hi - int64(borrow), lo: lo}
}

// FormatSum writes s in the currency's canonical form, with a sign where it is negative.
func (c Currency) FormatSum(s Sum) string {
	n := new(big.Int).Lsh(big.NewInt(s.hi), 64)
	n.Add(n, new(big.Int).SetUint64(s.lo))
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + c.point(n.Abs(n).String())
}

// Negative reports whether s is below 0.
func (s Sum) Negative() bool { return s.hi < 0 }

// Is reports whether s is m.
func (s Sum) Is(m Minor) bool { return s == sumOf(m) }

// Within reports whether s is neither above most nor below −most.
func (s Sum) Within(most Minor) bool {
	m, fits := s.Minor()
	return fits && m >= -most && m <= most
}

// Minor is s as an amount; fits is false when it has more than 64 bits.
func (s Sum) Minor() (m Minor, fits bool) {
	m = Minor(s.lo)
	return m, s == sumOf(m)
}

func sumOf(m Minor) (s Sum) {
	s.Add(m)
	return s
}
