package closing

import "slices"

// minFresh is how many numbers are collected before they are merged into the runs; as many as there are runs, if that is more, so that merging
// stays cheap in whatever order they come.
const minFresh = 1 << 12

// numbers are a till's own numbers, as runs of successive ones. They are never negative.
type numbers struct {
	runs    [][2]int64 // ascending, with a gap between each two
	fresh   []int64    // not in runs yet
	through int64      // up to here all that earlier records have is in runs
}

func newNumbers() numbers { return numbers{through: -1} }

func (n *numbers) add(number int64) {
	if n.fresh = append(n.fresh, number); len(n.fresh) >= max(minFresh, len(n.runs)) {
		n.merge()
	}
}

func (n *numbers) merge() {
	if len(n.fresh) == 0 {
		return
	}
	slices.Sort(n.fresh)
	merged := make([][2]int64, 0, len(n.runs)+1)
	join := func(from, to int64) {
		if last := len(merged) - 1; last >= 0 && from-1 <= merged[last][1] {
			merged[last][1] = max(merged[last][1], to)
			return
		}
		merged = append(merged, [2]int64{from, to})
	}
	at := 0
	for _, run := range n.runs {
		for at < len(n.fresh) && n.fresh[at] < run[0] {
			join(n.fresh[at], n.fresh[at])
			at++
		}
		join(run[0], run[1])
	}
	for _, number := range n.fresh[at:] {
		join(number, number)
	}
	n.runs, n.fresh = merged, n.fresh[:0]
}

// unknown is where earlier records may have numbers that decide the closing's first gaps.
func (n *numbers) unknown() (from, to int64, ok bool) {
	n.merge()
	for i := 1; i < len(n.runs); i++ {
		switch first, last := n.runs[i-1][1]+1, n.runs[i][0]-1; {
		case i > MaxMissing:
			return 0, 0, false
		case last > n.through:
			return max(first, n.through+1), n.runs[len(n.runs)-1][0] - 1, true
		}
	}
	return 0, 0, false
}

func (n *numbers) seen(earlier []int64, through int64) {
	for _, number := range earlier {
		n.add(number)
	}
	n.through = max(n.through, through)
}

// missing are the gaps, at most MaxMissing of them.
func (n *numbers) missing() [][2]int64 {
	n.merge()
	gaps := make([][2]int64, 0, min(max(len(n.runs)-1, 0), MaxMissing))
	for i := 1; i < len(n.runs) && len(gaps) < MaxMissing; i++ {
		gaps = append(gaps, [2]int64{n.runs[i-1][1] + 1, n.runs[i][0] - 1})
	}
	return gaps
}
