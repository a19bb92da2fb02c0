package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
)

type settings struct {
	Addr string `env:"GATEWAY_ADDR,required" doc:"where to listen"`
}

func TestTheExitCodeTellsWhy(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		args    []string
		environ []string
		run     error
		code    int
		says    string
	}{
		"clean stop":       {cancelled, nil, []string{"GATEWAY_ADDR=:1"}, context.Canceled, 0, ""},
		"wrong settings":   {t.Context(), nil, nil, nil, 2, "gateway: GATEWAY_ADDR is not set"},
		"refused settings": {t.Context(), nil, []string{"GATEWAY_ADDR=:1"}, fault.New(fault.Invalid, "GATEWAY_ADDR is taken"), 2, "GATEWAY_ADDR is taken"},
		"failure":          {t.Context(), nil, []string{"GATEWAY_ADDR=:1"}, errors.New("boom"), 1, "gateway: boom"},
		"help":             {t.Context(), []string{"--help"}, nil, nil, 0, "GATEWAY_ADDR (required)"},
		"argument":         {t.Context(), []string{"serve"}, nil, nil, 2, "takes no arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			code := start(c.ctx, "gateway", "records sales", c.args, c.environ, &out, &out, func(context.Context, settings) error { return c.run })
			require.Equal(t, c.code, code)
			require.Contains(t, out.String(), c.says)
		})
	}
}

func TestACommandRunsInsteadOfTheService(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		ends error
		code int
		says string
	}{
		"done":    {[]string{"count", "-by", "asha"}, nil, 0, "counted by asha"},
		"refused": {[]string{"count", "-by", "asha"}, fault.New(fault.Invalid, "nothing is there"), 2, "gateway count: nothing is there"},
		"failed":  {[]string{"count", "-by", "asha"}, errors.New("boom"), 1, "gateway count: boom"},
		"help":    {[]string{"count", "-by", "asha"}, flag.ErrHelp, 0, "counted"},
		"stopped": {[]string{"count", "-by", "asha"}, context.Canceled, 1, "gateway count: context canceled"},
		"unknown": {[]string{"cuont"}, nil, 2, `gateway has no command "cuont"; without one it records sales`},
		"listed":  {[]string{"--help"}, nil, 0, "gateway count: counts sales"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			served := func(context.Context, settings) error { panic("the service runs") }
			count := Command{"count", "counts sales", func(_ context.Context, args, environ []string, stdout io.Writer) error {
				_, err := fmt.Fprintf(stdout, "counted by %s with %s", args[1], environ[0])
				return errors.Join(err, c.ends)
			}}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if errors.Is(c.ends, context.Canceled) {
				stop()
			}
			code := start(ctx, "gateway", "records sales", c.args, []string{"GATEWAY_ADDR=:1"}, &out, &out, served, count)
			require.Equal(t, c.code, code)
			require.Contains(t, out.String(), c.says)
		})
	}
}
