package schema

import (
	"context"

	"github.com/pressly/goose/v3"
)

// MigrateTo migrates up to a version, as an earlier build did.
func MigrateTo(ctx context.Context, adminURL string, version int64) error {
	return migrate(adminURL, func(p *goose.Provider) error { _, err := p.UpTo(ctx, version); return err })
}
