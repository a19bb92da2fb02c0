package store

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// within runs a transaction, which it ends.
func (d *desk) within(run func(*Tx)) {
	tx, err := d.Begin(d.t.Context())
	require.NoError(d.t, err)
	defer tx.Rollback(context.WithoutCancel(d.t.Context()))
	run(tx)
}

// threeSales are a guest's, one with all that a sale can have, and the guest's refund, as the next of t1's chain.
func threeSales(after int64) (sales []*Sale, head Head) {
	head = Head{TerminalID: "t1", Series: 1, Records: after}
	facts := sale.Sale{Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", Currency: "EUR", Total: "12.5", RecordedAt: 1_700_000_000_000_000}
	for range 3 {
		head.Records++
		head.Hash = common.Hash{byte(head.Records)}
		facts.RecordNumber = uint64(head.Records)
		sales = append(sales, &Sale{
			Facts: facts, ID: uuid.New(), Under: KeyOf{TerminalID: "t1", Key: uuid.New()}, TotalMinor: 1250, Hash: head.Hash,
			Request: []byte{0, 0xff, '{', '}'}, Fingerprint: record.Fingerprint{1, 2}, ReceiptToken: "token", Answer: []byte("the answer"),
		})
	}
	seq, full := head.Records, sales[1]
	full.TerminalSeq, full.Earned, full.Redeemed, full.RulesVersion, full.OccurredAt = &seq, 7, 3, "rules 1", "gestern, kurz nach fünf"
	full.Facts.CustomerID, full.Facts.PointsDelta, full.Facts.PointsBalance, full.Facts.PurchaseNumber = "C-1", 4, -2, 9
	full.Facts.Salt, full.Facts.PreviousHash = [32]byte{31: 1}, common.Hash{31: 2}
	sales[2].Facts.Kind, sales[2].RefundOf = sale.KindRefund, sales[0].ID
	return sales, head
}

func TestARowIsTheSameWhicheverWayItIsSent(t *testing.T) {
	d := open(t)
	d.addTill("t1")
	for way, moved := range []bool{false, true} {
		d.within(func(tx *Tx) {
			before := int64(3 * way)
			_, err := tx.Lock(t.Context(), Wanted{Terminals: []string{"t1"}})
			require.NoError(t, err)
			sales, head := threeSales(before)
			refunded := []RefundState{{SaleID: sales[0].ID, TotalMinor: 1250, RefundedMinor: 1250}}
			changes := &Changes{Sales: sales, Refunds: refunded, Heads: []Head{head}, Numbers: []int64{before}}
			if moved {
				require.NoError(t, tx.Move(t.Context(), changes))
			}
			unknown, err := tx.Commit(t.Context(), changes)
			require.NoError(t, err)
			require.False(t, unknown)
		})
	}
	rows, err := d.admin.Query(t.Context(), `SELECT to_jsonb(s) - '{sale_id,idempotency_key,record_number,terminal_seq,sale_hash,refund_of}'::text[]
		|| jsonb_build_object('seq', record_number - terminal_seq, 'hash', get_byte(sale_hash, 0) - record_number,
		                      'refunds', (SELECT s.record_number - o.record_number FROM sales.sale o WHERE o.sale_id = s.refund_of))
		FROM sales.sale s ORDER BY record_number`)
	require.NoError(t, err)
	stored, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
	require.NoError(t, err)
	require.Len(t, stored, 6)
	for i := range 3 {
		require.JSONEq(t, string(stored[i]), string(stored[3+i]))
	}
	require.Contains(t, string(stored[4]), "gestern, kurz nach fünf")
	require.Contains(t, string(stored[5]), `"refunds": 2`)
	var refunds int
	require.NoError(t, d.admin.QueryRow(t.Context(), "SELECT count(*) FROM sales.refund_state").Scan(&refunds))
	require.Equal(t, 2, refunds)
}

func TestAnAccountThatAnotherGatewayMakesMeanwhileIsLockedByTheNextTry(t *testing.T) {
	d := open(t)
	wanted := Wanted{Customers: []string{"C-1", "C-2"}}
	d.exec(d.beside, "BEGIN")
	d.exec(d.beside, accountsLockSQL, []string{"C-2"})
	d.within(func(tx *Tx) {
		done := make(chan error, 1)
		go func() {
			_, err := tx.Lock(t.Context(), wanted)
			done <- err
		}()
		d.waits(0, done)
		d.exec(d.beside, "COMMIT")
		err := <-done
		require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	})
	d.within(func(tx *Tx) {
		locked, err := tx.Lock(t.Context(), wanted)
		require.NoError(t, err)
		require.Equal(t, map[string]*Account{"C-1": {CustomerID: "C-1", Fresh: true}, "C-2": {CustomerID: "C-2"}}, locked.Accounts)
	})
}

// lossy leads to Postgres, and is lost like a host once it has passed on the first bytes of a COPY.
func lossy(t *testing.T, gateway string) string {
	t.Helper()
	through, err := url.Parse(gateway)
	require.NoError(t, err)
	postgres := through.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	through.Host = listener.Addr().String()
	var relays sync.WaitGroup
	relay := func(client, server net.Conn) {
		t.Cleanup(func() { _, _ = client.Close(), server.Close() })
		relays.Go(func() { _, _ = io.Copy(client, server) })
		relays.Go(func() {
			for some := make([]byte, 32<<10); ; {
				n, err := client.Read(some)
				if err != nil {
					return
				}
				if i := bytes.Index(some[:n], []byte(copyHeader)); i >= 0 {
					_, _ = server.Write(some[:i+len(copyHeader)])
					return
				}
				_, _ = server.Write(some[:n])
			}
		})
	}
	t.Cleanup(relays.Wait)
	relays.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", postgres)
			if err != nil {
				_ = client.Close()
				continue
			}
			relay(client, server)
		}
	})
	t.Cleanup(func() { _ = listener.Close() })
	return through.String()
}

// TestAGatewayThatIsLostInACopyHoldsTheOthersUpForAMoment has Postgres wait for the rest of a COPY, which no limit of its own ends.
func TestAGatewayThatIsLostInACopyHoldsTheOthersUpForAMoment(t *testing.T) {
	d := open(t)
	d.addTill("t1")
	lost, err := Open(t.Context(), config.Secret(lossy(t, d.gateway)))
	require.NoError(t, err)
	t.Cleanup(lost.Close)
	wanted := Wanted{Terminals: []string{"t1"}}
	tx, err := lost.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Lock(t.Context(), wanted)
	require.NoError(t, err)
	sales, head := threeSales(0)
	changes := &Changes{Sales: sales, Heads: []Head{head}, Numbers: []int64{0}}
	require.NoError(t, tx.Move(t.Context(), changes))
	limited, cancel := context.WithTimeout(t.Context(), HeldUp)
	defer cancel()
	unknown, err := tx.Commit(limited, changes)
	require.True(t, unknown)
	require.Error(t, err)

	tries := 0
	testkit.Eventually(t, soon, "the terminal is free", func() (err error) {
		tries++
		d.within(func(tx *Tx) { _, err = tx.Lock(t.Context(), wanted) })
		return err
	})
	require.LessOrEqual(t, tries, 3, "one waits and ends it, and the next may be there before it is gone")
	fate, err := d.Fate(t.Context(), tx.XID(), [][16]byte{sales[0].ID})
	require.NoError(t, err)
	require.Equal(t, Aborted, fate)
}

func TestARecordWithoutAnAnswerIsNotStoredWhicheverWayItIsSent(t *testing.T) {
	d := open(t)
	d.addTill("t1")
	for _, moved := range []bool{false, true} {
		d.within(func(tx *Tx) {
			_, err := tx.Lock(t.Context(), Wanted{Terminals: []string{"t1"}})
			require.NoError(t, err)
			sales, head := threeSales(0)
			sales[1].Answer = nil
			changes := &Changes{Sales: sales, Heads: []Head{head}, Numbers: []int64{0}}
			if moved {
				require.NoError(t, tx.Move(t.Context(), changes))
			}
			unknown, err := tx.Commit(t.Context(), changes)
			require.False(t, unknown)
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		})
	}
}
