package chain_test

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/tillseal/tillseal/shared/testkit"
)

// otherBlock answers with a block of the same height and another hash.
func otherBlock(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	reply := next(call)
	reply.Result = json.RawMessage(bytes.Replace(reply.Result, []byte(`"extraData":"0x`), []byte(`"extraData":"0xbd`), 1))
	return reply
}
