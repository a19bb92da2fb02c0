package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
)

func TestAnErrorKeepsItsKindThroughWrapping(t *testing.T) {
	err := fmt.Errorf("seal batch 7: %w", fault.New(fault.Conflict, "the lease moved on: %w", io.EOF))
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "seal batch 7: the lease moved on: EOF", err.Error())
}

func TestTheOutermostKindDecides(t *testing.T) {
	inner := fault.New(fault.Transient, "connection refused")
	require.Equal(t, fault.Fatal, fault.KindOf(fault.WithKind(fault.Fatal, inner)))
}

func TestWhatNobodyClassifiedIsUnknownAndACutOffIsTransient(t *testing.T) {
	require.Equal(t, fault.Unknown, fault.KindOf(errors.New("boom")))
	require.Equal(t, fault.Transient, fault.KindOf(fmt.Errorf("read: %w", context.DeadlineExceeded)))
	require.NoError(t, fault.WithKind(fault.Fatal, nil))
	require.False(t, fault.Is(nil, fault.Unknown))
}
