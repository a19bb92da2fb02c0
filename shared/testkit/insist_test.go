package testkit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestWhatWasDoneAfterItsAnswerWasGivenUpIsDone(t *testing.T) {
	answers := []error{fault.New(fault.Transient, "no answer in time"), fault.New(fault.Transient, "again"), fault.New(fault.Conflict, "it is there already")}
	asked := 0
	testkit.Insist(t, "add a terminal", func() error {
		asked++
		return answers[asked-1]
	})
	require.Len(t, answers, asked)
}
