package read

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

const (
	sealed  = event.BatchSealed
	mined   = event.BatchMined
	reorged = event.BatchReorged
	final   = event.BatchFinal
)

var first, second, third = common.HexToAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3"), common.Address{0xa2}, common.Address{0xa3}

// answers is asked, and compares what it gets.
func (j *journal) answers(q event.LogQuery, want event.LogAnswer) {
	j.t.Helper()
	got, err := j.reader.Log(j.t.Context(), q)
	require.NoError(j.t, err, "%+v", q)
	require.Equal(j.t, want, got, "%+v", q)
}

func (j *journal) refuses(q event.LogQuery, kind fault.Kind) {
	j.t.Helper()
	got, err := j.reader.Log(j.t.Context(), q)
	require.True(j.t, fault.Is(err, kind), "%+v: %+v, %v", q, got, err)
}

func head(size string) event.LogQuery      { return event.LogQuery{Size: size} }
func entry(id, size string) event.LogQuery { return event.LogQuery{BatchID: id, Size: size} }

func TestTheLogAgreesWithTheVectorsInEverySize(t *testing.T) {
	raw, err := os.ReadFile("../../../../shared/batchlog/testdata/log.json")
	require.NoError(t, err)
	var vectors struct {
		Batches []struct {
			Root common.Hash
			Size json.Number
		}
		Roots     []common.Hash
		Inclusion []struct {
			BatchID string `json:"batch_id"`
			LogSize string `json:"log_size"`
			Path    []common.Hash
		}
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.NotEmpty(t, vectors.Roots)
	require.NotEmpty(t, vectors.Inclusion)
	d := newJournal(t).deploy(first)
	for i, b := range vectors.Batches {
		size, err := b.Size.Int64()
		require.NoError(t, err)
		d.seal(batchlog.Batch{ID: uint64(i + 1), Root: b.Root, Size: uint32(size)}, mined)
	}
	for i, root := range vectors.Roots {
		size := strconv.Itoa(i + 1)
		d.answers(head(size), event.LogAnswer{Log: event.LogHead{Size: size, Root: root}, Chain: d.chain()})
	}
	for _, v := range vectors.Inclusion {
		got, err := d.reader.Log(t.Context(), entry(v.BatchID, v.LogSize))
		require.NoError(t, err)
		require.Equal(t, v.BatchID, got.Batch.ID)
		require.Equal(t, v.LogSize, got.Log.Size)
		require.Equal(t, append([]common.Hash{}, v.Path...), got.Log.Path)
	}
}

func TestALogIsReadAtEachSizeItHad(t *testing.T) {
	j := newJournal(t)
	earlier := j.deploy(second).sealed(final, final, mined)
	retired := j.deploy(third).sealed(final, final)
	j.alter(`UPDATE anchor.deployment SET retired = true WHERE id = $1`, retired.id)
	d := j.deploy(first).sealed(final, final, final, final, mined, sealed)

	d.answers(head(""), d.head(5, false))
	d.answers(head("0"), d.head(0, false))
	d.answers(head("1"), d.head(1, true))
	d.answers(head("4"), d.head(4, true))
	d.answers(head("5"), d.head(5, false)) // mined, and may be taken by a reorg
	d.refuses(head("6"), fault.Invalid)
	d.refuses(head("18446744073709551615"), fault.Invalid)

	for id := 1; id <= 5; id++ {
		d.answers(entry(strconv.Itoa(id), ""), d.entry(id, 5, false, false))
		for size := id; size <= 5; size++ {
			d.answers(entry(strconv.Itoa(id), strconv.Itoa(size)), d.entry(id, size, false, size < 5))
		}
		d.refuses(entry(strconv.Itoa(id), strconv.Itoa(id-1)), fault.Invalid)
		d.refuses(entry(strconv.Itoa(id), "6"), fault.Invalid)
		d.refuses(entry(strconv.Itoa(id), "18446744073709551615"), fault.Invalid)
	}
	require.Empty(t, d.entry(1, 1, false, true).Log.Path)
	d.refuses(entry("0", ""), fault.Invalid)
	d.refuses(entry("0", "0"), fault.Invalid)
	d.refuses(entry("6", ""), fault.Conflict)
	d.refuses(entry("6", "6"), fault.Conflict)
	d.refuses(entry("6", "5"), fault.Invalid) // whatever becomes of it
	d.refuses(entry("7", ""), fault.Invalid)
	d.refuses(entry("18446744073709551615", ""), fault.Invalid)

	at := func(contract string, q event.LogQuery) event.LogQuery { q.Contract = contract; return q }
	for _, contract := range []string{first.Hex(), strings.ToLower(first.Hex())} {
		d.answers(at(contract, head("")), d.head(5, false))
		d.refuses(at(contract, entry("6", "")), fault.Conflict)
	}
	d.answers(at(second.Hex(), head("")), earlier.head(3, false))
	d.answers(at(second.Hex(), head("2")), earlier.head(2, true))
	d.answers(at(second.Hex(), entry("2", "3")), earlier.entry(2, 3, false, false))
	d.answers(at(second.Hex(), entry("1", "2")), earlier.entry(1, 2, false, true))
	d.refuses(at(second.Hex(), entry("4", "")), fault.Invalid)
	for _, unknown := range []common.Address{third, {0xa4}} {
		d.refuses(at(unknown.Hex(), head("")), fault.Invalid)
		d.refuses(at(unknown.Hex(), entry("1", "")), fault.Invalid)
	}
	j.alter(`UPDATE anchor.deployment SET retired = true WHERE id = $1`, d.id)
	j.answers(head(""), earlier.head(3, false))
	j.refuses(at(first.Hex(), head("")), fault.Invalid)
}

func TestALogWithoutABatchIsEmpty(t *testing.T) {
	j := newJournal(t)
	j.refuses(head(""), fault.Invalid)
	j.deploy(second).sealed(final)
	d := j.deploy(first)
	d.answers(head(""), d.head(0, false))
	d.answers(head("0"), d.head(0, false))
	d.refuses(head("1"), fault.Invalid)
	d.refuses(entry("1", ""), fault.Invalid)
	d.sealed(sealed)
	d.answers(head(""), d.head(0, false))
	d.refuses(entry("1", ""), fault.Conflict)
	d.moved(1, mined)
	d.answers(head(""), d.head(1, false))
	d.answers(entry("1", ""), d.entry(1, 1, false, false))
}

func TestTheBlockOfDeploymentIsTheOneSeenLast(t *testing.T) {
	d := newJournal(t).deploy(first)
	d.write(`INSERT INTO anchor.deployed (deployment, block_number) VALUES ($1, 18446744073709551615), ($1, 4)`, d.id)
	want := d.head(0, false)
	want.Chain.DeployedBlock = "4"
	d.answers(head(""), want)
	d.alter(`DELETE FROM anchor.deployed`)
	want.Chain.DeployedBlock = "0" // journaled and not deployed yet: there is no event before that
	d.answers(head(""), want)
}

func TestABatchThatAReorgTookIsNotInTheLog(t *testing.T) {
	d := newJournal(t).deploy(first).sealed(final, mined, mined)
	d.answers(entry("3", ""), d.entry(3, 3, false, false))
	d.moved(3, reorged)
	d.refuses(entry("3", ""), fault.Conflict)
	d.refuses(entry("3", "3"), fault.Conflict)
	d.refuses(entry("2", "3"), fault.Invalid)
	d.refuses(head("3"), fault.Invalid)
	d.answers(head(""), d.head(2, false))
	d.moved(2, reorged)
	d.answers(entry("1", ""), d.entry(1, 1, false, false))
	d.moved(2, event.BatchBroadcast, mined)
	d.moved(3, event.BatchBroadcast, mined)
	d.answers(entry("3", ""), d.entry(3, 3, false, false))
}
