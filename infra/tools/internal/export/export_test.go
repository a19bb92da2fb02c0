package export

import (
	"context"
	"io"
	"time"

	"github.com/tillseal/tillseal/shared/config"
)

// RunWith runs an export that is told by tick when to say how far it is.
func RunWith(ctx context.Context, tick <-chan time.Time, say func(format string, values ...any), url string, stdout io.Writer, args ...string) error {
	req, err := parse(args)
	if err != nil {
		return err
	}
	x := exporter{say: say, tick: tick, totals: newTally()}
	return x.run(ctx, req, Config{DBURL: config.Secret(url)}, stdout)
}
