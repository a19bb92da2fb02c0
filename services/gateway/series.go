package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/tillseal/tillseal/services/gateway/internal/operate"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

// SeriesConfig is what the command series-next reads from the environment.
type SeriesConfig struct {
	DBURL config.Secret `env:"DB_URL,required,notEmpty" doc:"the gateway's own role in Postgres, as the service has it"`
}

// Check names each variable that is wrong.
func (c SeriesConfig) Check() error { return config.CheckPostgresURL("DB_URL", c.DBURL) }

// SeriesNext is the command that begins a series in a restored database before a gateway is started on it: a gateway that is started records its
// key where the database lacks it, and in the old series that would be under a number which the lost database has signed already.
func SeriesNext() lifecycle.Command {
	return lifecycle.Command{
		Name: "series-next", Purpose: "after a restore, and before a gateway is started, lets every terminal go on in a new series", Run: seriesNext,
	}
}

// seriesNext prints what ops.gateway.series.next answers.
func seriesNext(ctx context.Context, args, environ []string, stdout io.Writer) error {
	req, err := seriesRequest(args, stdout)
	if err != nil {
		return err
	}
	cfg, err := config.Load[SeriesConfig](environ)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, cfg.DBURL)
	if err != nil {
		return err
	}
	defer db.Close()
	begun, err := operate.New(db, nil).NextSeries(ctx, req)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(begun)
}

// seriesRequest reads the flags. For --help it writes what they are, and returns flag.ErrHelp.
func seriesRequest(args []string, stdout io.Writer) (operate.SeriesRequest, error) {
	var req operate.SeriesRequest
	flags := flag.NewFlagSet("series-next", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is returned, and the caller's to write
	flags.StringVar(&req.By, "by", "", "who does this, a `name`")
	flags.StringVar(&req.Reason, "reason", "", "why, a `text` such as \"restored the backup of 22 November, 14:00\"")
	flags.Int64Var(&req.Series, "series", 0, "the series, a `number` that was never used; left out for the next one")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(stdout, "gateway series-next -by NAME -reason TEXT [-series N]\n\nBegins a series at every terminal of a restored database. "+
			"It reads the environment:\n")
		config.Describe[SeriesConfig](stdout)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return req, err
	case err != nil:
		return req, fault.New(fault.Invalid, "%w; --help says what is expected", err)
	case flags.NArg() > 0:
		return req, fault.New(fault.Invalid, "%q is not expected; --help says what is", flags.Arg(0))
	}
	return req, nil
}
