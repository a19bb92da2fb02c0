package lifecycle

import (
	"bytes"
	"context"
	"errors"
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
