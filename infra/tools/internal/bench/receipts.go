package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tillseal/tillseal/shared/wait"
)

// receiptsPerSecond are shown while sales are recorded: fewer than a gateway's limit.
const receiptsPerSecond = 50

var errNoPage = errors.New("a receipt's page was not shown")

// whileReceiptsAreShown measures, with all services running and sales offered at the open loop's rate, how long a receipt's page takes to its
// first byte. The rate is that of the sales.
func whileReceiptsAreShown(ctx context.Context, r *rig) (_ result, err error) {
	defer func() { err = errors.Join(err, r.stopBehind()) }()
	if err := r.startBehind(ctx); err != nil {
		return result{}, err
	}
	tills, hangUp := r.tills(openConnections, terminals, body)
	defer hangUp()
	seller := newTill(r.gateway.addr, r.keys[r.database][0], body)
	defer seller.close()
	if ok, err := seller.sell(ctx, 1); err != nil || !ok {
		return result{}, fmt.Errorf("record the receipt's sale: %w", errors.Join(err, errNoPage))
	}
	path := receiptURL(seller.answer.Body())
	load := func(length time.Duration) *sample {
		var shown []time.Duration
		var failed int64
		reading, stop := context.WithCancel(ctx)
		var reader sync.WaitGroup
		reader.Go(func() {
			for reading.Err() == nil {
				took, err := firstByte(reading, r.gateway.addr, path)
				switch {
				case err == nil:
					shown = append(shown, took)
				case reading.Err() == nil:
					failed++
				}
				wait.Pause(reading, time.Second/receiptsPerSecond)
			}
		})
		sold := openFor(ctx, tills, r.cfg.Spread, r.cfg.OpenRate, length)
		stop()
		reader.Wait()
		return &sample{offered: sold.offered, lasted: sold.lasted, answered: sold.answered, took: shown, failed: sold.failed + failed}
	}
	return r.measured(max(r.cfg.warmUp(), time.Second), load), nil
}

// receiptURL is a 201's receipt_url, its last member.
func receiptURL(answer []byte) string {
	_, url, _ := bytes.Cut(answer, []byte(`"receipt_url":"`))
	return string(bytes.TrimSuffix(url, []byte(`"}`)))
}

// firstByte has a browser that was never here load a page, and returns how long that took to the first byte of the answer.
func firstByte(ctx context.Context, addr, path string) (time.Duration, error) {
	start := time.Now()
	conn, err := (&net.Dialer{Timeout: answerLimit}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // nothing is owed
	if err := conn.SetDeadline(start.Add(answerLimit)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: text/html\r\nConnection: close\r\n\r\n", path); err != nil {
		return 0, err
	}
	in := bufio.NewReader(conn)
	if _, err := in.Peek(1); err != nil {
		return 0, err
	}
	took := time.Since(start)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, err
	}
	if err := response.Body.Close(); err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, errNoPage
	}
	return took, nil
}
