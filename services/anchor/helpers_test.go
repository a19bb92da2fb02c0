package anchor_test

import (
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/shared/event"
)

func callTo(contract string, data []byte) ethereum.CallMsg {
	to := common.HexToAddress(contract)
	return ethereum.CallMsg{To: &to, Data: data}
}

func pricedMsg(e event.SalePriced) *nats.Msg { return event.Priced(e, time.Now(), 0, "") }

// repeated makes a message that the dedupe window lets pass.
func repeated(e event.SalePriced, generation string) *nats.Msg {
	msg := pricedMsg(e)
	msg.Header.Set(nats.MsgIdHdr, e.SaleID+"/priced#"+generation)
	return msg
}
