package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tillseal/tillseal/services/gateway/internal/api"
	"github.com/tillseal/tillseal/services/gateway/internal/shopfile"
	"github.com/tillseal/tillseal/services/gateway/internal/sign"
)

// receipts reads what receipts' pages say. It joins an error for each variable that is wrong; a URL that may hold a key is not shown.
func (c Config) receipts() (api.Receipts, error) {
	r := api.Receipts{RPC: strings.TrimSpace(c.PublicRPC.Reveal()), Explorer: strings.TrimRight(strings.TrimSpace(c.Explorer), "/")}
	var errs []error
	wrong := func(variable string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", variable, err))
		}
	}
	var err error
	r.Shop, err = shopfile.Load(c.ReceiptShop)
	wrong("RECEIPT_SHOP_FILE", err)
	wrong("PUBLIC_RPC_URL", api.CheckPublicURL(r.RPC, false))
	wrong("EXPLORER_URL", api.CheckPublicURL(r.Explorer, true))
	r.ChainID, r.Contract, _ = sign.ParseContract(c.PublicContract) // signer checks it
	return r, errors.Join(errs...)
}
