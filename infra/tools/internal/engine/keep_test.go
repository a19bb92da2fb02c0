package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
)

func TestWhatEndsByItselfIsStartedAgainLaterEachTimeUnlessAPersonMustLook(t *testing.T) {
	boom, wrong, alarm := errors.New("boom"), fault.New(fault.Invalid, "wrong"), fault.New(fault.Fatal, "alarm")
	for name, c := range map[string]struct {
		last   time.Duration
		err    error
		ran    time.Duration
		pause  time.Duration
		person bool
	}{
		"the first time":              {0, boom, 0, againFirst, false},
		"again":                       {time.Second, boom, 0, 2 * time.Second, false},
		"often":                       {40 * time.Second, boom, 0, againMost, false},
		"for ever":                    {againMost, boom, 0, againMost, false},
		"after it ran well":           {againMost, boom, steadyAfter, againFirst, false},
		"a setting that others spoil": {0, wrong, 0, againMost, false},
		"harm":                        {0, alarm, time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			rest := pauses{last: c.last}
			pause, person := rest.next(c.err, c.ran)
			require.Equal(t, c.pause, pause)
			require.Equal(t, c.person, person)
		})
	}
}

// stage is a keeper with its screen and the log of its one part, in a bubble of time of its own.
type stage struct {
	keeper      *keeper
	screen, log bytes.Buffer
}

func onStage(t *testing.T, run func(context.Context) error) (*stage, context.CancelFunc) {
	t.Helper()
	s := &stage{}
	s.keeper = &keeper{remind: remindEvery, stopped: make(map[string]Stopped), say: func(format string, args ...any) {
		fmt.Fprintf(&s.screen, format+"\n", args...)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	go s.keeper.keep(ctx, part{name: "anchor", meanwhile: "sales wait", path: "anchor.log", log: slog.New(slog.NewJSONHandler(&s.log, nil)), run: run})
	synctest.Wait()
	return s, cancel
}

func TestAServiceThatNeedsAPersonSaysWhyEachMinuteAndIsNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s, stop := onStage(t, func(context.Context) error {
			runs++
			return fault.New(fault.Fatal, "another root holds\n  our batch")
		})
		<-time.After(3*remindEvery + time.Second)
		synctest.Wait()
		line := "anchor has stopped and needs a person: another root holds our batch. Meanwhile sales wait. " +
			"Its log is anchor.log; infra/docs/OPERATIONS.md says what to do. Then press Ctrl-C and run make run again\n"
		require.Equal(t, line+line+line+line, s.screen.String(), "at once, then each minute")
		require.Equal(t, 4, bytes.Count(s.log.Bytes(), []byte(`"msg":"ALARM: this part has stopped and needs a person","which":"anchor"`)))
		require.Equal(t, 1, runs)
		require.True(t, s.keeper.list()[0].Person)
		stop()
	})
}

func TestAServiceThatEndsByItselfRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s, stop := onStage(t, func(ctx context.Context) error {
			if runs++; runs < 3 {
				return errors.New("boom")
			}
			<-ctx.Done()
			return nil
		})
		require.Equal(t, "boom", s.keeper.list()[0].Why)
		<-time.After(3 * againFirst)
		synctest.Wait()
		require.Equal(t, 3, runs)
		require.Empty(t, s.keeper.list())
		require.Contains(t, s.screen.String(), "anchor has stopped: boom. Meanwhile sales wait. It is started again within 250ms; see anchor.log\n")
		require.Contains(t, s.screen.String(), "within 500ms")
		stop()
	})
}
