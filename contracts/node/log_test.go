package node_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/contracts/node"
)

var contract = common.HexToAddress("0x5FbDB2315678afecb367f032d93F642f64180aa3")

// fake is a node whose finalized block shows a log.
type fake struct {
	chain, finalized uint64
	size             uint64
	root             common.Hash
	code             []byte
	none             bool // no block is finalized
}

func (f fake) start(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("content-type", "application/json")
		answer := func(result string) { _, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":%s}`, result) }
		switch asked := string(body); {
		case strings.Contains(asked, "eth_chainId"):
			answer(fmt.Sprintf(`"0x%x"`, f.chain))
		case strings.Contains(asked, "eth_getBlockByNumber") && f.none:
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-39001,"message":"Unknown block"}}`)
		case strings.Contains(asked, "eth_getBlockByNumber"):
			answer(fmt.Sprintf(`{"number":"0x%x","hash":"%s","timestamp":"0x1"}`, f.finalized, common.HexToHash("0xb1")))
		case strings.Contains(asked, "eth_getCode"):
			answer(`"` + hexutil.Encode(f.code) + `"`)
		case strings.Contains(asked, hexutil.Encode(binding.NewSaleAnchor().PackLogRoot())):
			answer(`"` + f.root.Hex() + `"`)
		default:
			answer(`"` + common.BigToHash(hexutil.MustDecodeBig(fmt.Sprintf("0x%x", f.size+1))).Hex() + `"`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func open(t *testing.T, nodes ...fake) *node.Set {
	t.Helper()
	urls := make([]string, len(nodes))
	for i, f := range nodes {
		urls[i] = f.start(t)
	}
	all, err := node.DialAll(t.Context(), strings.Join(urls, ","))
	require.NoError(t, err)
	t.Cleanup(all.Close)
	return all
}

func TestTheLogIsThatOfTheNodeThatIsLeastFar(t *testing.T) {
	one, two := common.HexToHash("0x1"), common.HexToHash("0x2")
	code := binding.RuntimeCode()
	all := open(t,
		fake{chain: 1, finalized: 9, size: 5, root: two, code: code},
		fake{chain: 1, finalized: 7, size: 4, root: one, code: code},
		fake{chain: 10, finalized: 3, code: []byte{1}},
	)
	log, err := all.FinalLog(t.Context(), "1", contract)
	require.NoError(t, err)
	require.Equal(t, node.Log{Size: 4, Root: one, Block: 7, Time: time.Unix(1, 0).UTC()}, log)
	log, err = all.FinalLog(t.Context(), "10", contract)
	require.NoError(t, err)
	require.Equal(t, node.Log{Block: 3, Time: time.Unix(1, 0).UTC(), OtherCode: true}, log)
	require.True(t, all.Has("10"))
	require.False(t, all.Has("137"))

	log, err = open(t, fake{chain: 1, finalized: 3}).FinalLog(t.Context(), "1", contract)
	require.NoError(t, err)
	require.Equal(t, node.Log{Block: 3, Time: time.Unix(1, 0).UTC()}, log, "it was deployed since")
}

func TestNodesThatDifferOrHaveNothingFinalSayNothing(t *testing.T) {
	code := binding.RuntimeCode()
	differ := open(t, fake{chain: 1, size: 5, root: common.HexToHash("0x1"), code: code}, fake{chain: 1, size: 5, root: common.HexToHash("0x2"), code: code})
	_, err := differ.FinalLog(t.Context(), "1", contract)
	require.ErrorContains(t, err, "the nodes show different logs of the same size")
	_, err = open(t, fake{chain: 1, none: true}).FinalLog(t.Context(), "1", contract)
	require.EqualError(t, err, "node 1 of chain 1: the node shows no finalized block")
	some := fake{chain: 1}.start(t) + ",http://127.0.0.1:1/key"
	_, err = node.DialAll(t.Context(), some)
	require.EqualError(t, err, "node 2: the node could not be queried (eth_chainId: connection refused)")
	set, err := node.DialSome(t.Context(), some)
	require.EqualError(t, err, "node 2: the node could not be queried (eth_chainId: connection refused)")
	require.True(t, set.Has("1"))
	set.Close()
	set, err = node.DialSome(t.Context(), "http://127.0.0.1:1/key")
	require.Error(t, err)
	require.Nil(t, set)
	first, err := open(t, fake{chain: 1}).FinalLog(t.Context(), "1", contract)
	require.NoError(t, err)
	require.Equal(t, node.Log{}, first, "a chain's first block may have any time")
	_, err = node.DialAll(t.Context(), "ws://key@host")
	require.EqualError(t, err, "node 1: the RPC URL is not http or https")
}
