package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// A path has at most 64 hashes, so an answer stays below 5 KiB.
const (
	gatewayTimeout  = 5 * time.Second
	maxGatewayBytes = 16 << 10
)

// Gateway is a shop's gateway. It is asked for paths and not believed: a path counts when it leads to the contract's logRoot.
type Gateway struct {
	base *url.URL
	http *http.Client
}

// NewGateway is the gateway at a base URL. Its error does not contain the URL, since that may hold a key.
func NewGateway(base config.Secret) (*Gateway, error) {
	u, err := node.ParseURL(base.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the gateway's URL %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // it is asked once
	return &Gateway{u, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// path asks for the batch's path in the contract's present log. The error says in our own words what was wrong with the answer.
func (g *Gateway) path(ctx context.Context, p proof, now node.Head) ([]common.Hash, error) {
	raw, err := g.get(ctx, p, now)
	if err != nil {
		return nil, err
	}
	var answer event.LogAnswer
	if _, err := strictjson.Parse(raw); err != nil {
		return nil, errors.New("the answer cannot be read")
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, errors.New("the answer cannot be read")
	}
	included := batchlog.Included{Size: now.Size, Root: now.Root, Path: answer.Log.Path}
	switch {
	case answer.Chain.ChainID != p.Chain.ChainID || !strings.EqualFold(answer.Chain.Contract, p.Chain.Contract):
		return nil, errors.New("the answer is about another contract")
	case answer.Batch == nil || answer.Batch.ID != p.Batch.ID || answer.Batch.Root != p.Batch.Root || answer.Batch.Size != p.Batch.Size:
		return nil, errors.New("the answer is about another batch")
	case answer.Log.Size != strconv.FormatUint(now.Size, 10) || answer.Log.Root != now.Root:
		return nil, errors.New("the answer is about another log than the contract's")
	case !batchlog.Verify(p.entry(), included):
		return nil, errors.New("its path does not lead to the contract's logRoot")
	}
	return answer.Log.Path, nil
}

func (g *Gateway) get(ctx context.Context, p proof, now node.Head) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
	defer cancel()
	at := g.base.JoinPath("log", p.Batch.ID)
	query := g.base.Query()
	query.Set("size", strconv.FormatUint(now.Size, 10))
	query.Set("contract", p.contract.Hex())
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, errors.New("its URL can't be used") // the cause may quote it
	}
	answer, err := g.http.Do(req)
	if err != nil {
		return nil, errors.New(node.Reason(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", answer.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxGatewayBytes+1))
	switch {
	case err != nil:
		return nil, errors.New(node.Reason(err))
	case len(raw) > maxGatewayBytes:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxGatewayBytes)
	}
	return raw, nil
}
