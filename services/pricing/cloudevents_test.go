package pricing_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// A subscriber with the CloudEvents SDK reads what this service writes.
func TestASubscriberReadsAPricedSaleWithTheCloudEventsSDK(t *testing.T) {
	s := setup(t, "INR=254321.17")
	s.record(event.Recorded(sold(1, "INR", "254321.17"), "gateway", 3, ""))
	msg := s.read(stream.SalesPriced, 1)[0]
	e, err := binding.ToEvent(t.Context(), &message{header: msg.Header, data: msg.Data})
	require.NoError(t, err)
	require.NoError(t, e.Validate())
	require.Equal(t, sold(1, "", "").SaleID+"/priced", e.ID(), "without the generation")
	require.Equal(t, "tillseal/pricing", e.Source())
	require.Equal(t, "tillseal.sale.priced.v1", e.Type())
	require.Equal(t, sold(1, "", "").SaleID, e.Subject())
	require.Equal(t, "application/json", e.DataContentType())
	var priced event.SalePriced
	require.NoError(t, e.DataAs(&priced))
	require.Equal(t, "1000000000000000000", priced.AmountWei)
}

// message shows a NATS message in binary mode to the SDK, whose own NATS bindings are a module of their own.
type message struct {
	header nats.Header
	data   []byte
}

var versions = spec.WithPrefix("ce-")

func (m *message) ReadEncoding() binding.Encoding { return binding.EncodingBinary }
func (m *message) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}
func (m *message) Finish(error) error { return nil }

func (m *message) version() spec.Version { return versions.Version(m.get("ce-specversion")) }

func (m *message) get(key string) string {
	if v := m.header[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (m *message) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	version := m.version()
	for key, values := range m.header {
		switch {
		case key == "content-type":
			if err := w.SetAttribute(version.AttributeFromKind(spec.DataContentType), values[0]); err != nil {
				return err
			}
		case strings.HasPrefix(key, "ce-"):
			if attribute := version.Attribute(key); attribute != nil {
				if err := w.SetAttribute(attribute, values[0]); err != nil {
					return err
				}
			}
		}
	}
	return w.SetData(bytes.NewReader(m.data))
}

func (m *message) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attribute := m.version().AttributeFromKind(kind)
	if kind == spec.DataContentType {
		return attribute, m.get("content-type")
	}
	return attribute, m.get(attribute.PrefixedName())
}

func (m *message) GetExtension(name string) any { return m.get("ce-" + name) }

func testLog(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }
