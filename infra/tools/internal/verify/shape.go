package verify

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Limits of what is read: a record is at most 64 KiB, a batch's tree 20 levels high and the log's 64, so a proof stays far below.
const (
	maxProofBytes = 1 << 20
	maxList       = 64
)

// proof is a well-formed one: the wire type, and its integers read.
type proof struct {
	event.Proof
	wei, chainID         *big.Int
	batchID, blockNumber uint64
	size, leafIndex      uint64
	logSize, deployed    uint64
	contract             common.Address
	published            *common.Address // the contract that the proof must name; nil: any with SaleAnchor's code
}

// entry is the batch as the log has it.
func (p proof) entry() batchlog.Batch {
	return batchlog.Batch{ID: p.batchID, Root: p.Batch.Root, Size: uint32(p.size)}
}

// form is what a value of the JSON must be: an object with exactly these members, a string, a number or a list of strings.
type form struct {
	members  map[string]form
	open     bool // the object may have more members
	text     *regexp.Regexp
	number   *regexp.Regexp
	list     *regexp.Regexp
	nullable bool // or null
}

func text(pattern string) form { return form{text: regexp.MustCompile(pattern)} }

var (
	anything  = text(``)
	something = text(`.`)
	count     = text(`^(0|[1-9][0-9]{0,77})$`) // up to a uint256's digits
	integer   = text(`^(0|-?[1-9][0-9]{0,18})$`)
	decimal   = text(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	bytes32   = text(`^0x[0-9a-f]{64}$`)
)

// shape is the proof in infra/docs/CONTRACT.md, 4.4.
var shape = form{members: map[string]form{
	"sale": {members: map[string]form{
		"saleId": anything, "kind": text(`^(sale|refund|adjustment|key|erasure)$`), "refundOf": anything, "storeId": anything, "terminalId": anything,
		"recordNumber": count, "previousHash": bytes32, "customerId": anything, "currency": anything, "total": decimal,
		"pointsDelta": integer, "pointsBalance": integer, "purchaseNumber": count, "recordedAt": count, "requestHash": bytes32, "salt": bytes32,
	}},
	"request": text(`^[A-Za-z0-9+/]+={0,2}$`), "sale_hash": bytes32, "amount_wei": count,
	"rate": {nullable: true, members: map[string]form{
		"value": decimal, "currency": anything, "tier": text(`^(live|cached|static)$`), "sources": {list: regexp.MustCompile(`.`)},
		"observed_at": text(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`),
	}},
	"leaf": bytes32, "proof": {list: bytes32.text},
	"batch":   {members: map[string]form{"id": count, "root": bytes32, "size": count, "leaf_index": count}},
	"log":     {members: map[string]form{"size": count, "root": bytes32, "path": {list: bytes32.text}}},
	"promise": text(`^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$`),
	"chain": {members: map[string]form{
		"chain_id": count, "contract": text(`^0x[0-9a-fA-F]{40}$`), "tx_hash": bytes32, "block_number": count, "block_hash": bytes32,
		"deployed_block": count, "finality": text(`^(mined|final)$`),
	}},
}}

// read accepts exactly one JSON value of the shape above: no unknown, repeated or missing member, nothing after it.
func read(raw []byte) (proof, error) {
	if len(raw) > maxProofBytes {
		return proof{}, fmt.Errorf("it is longer than %d bytes", maxProofBytes)
	}
	whole, err := strictjson.Parse(raw)
	if err != nil {
		return proof{}, fmt.Errorf("it is not strict JSON: %w", err)
	}
	if err := shape.check("", whole); err != nil {
		return proof{}, err
	}
	var p proof
	if err := json.Unmarshal(raw, &p.Proof); err != nil {
		return proof{}, fmt.Errorf("it can't be read: %w", err)
	}
	if base64.StdEncoding.EncodeToString(p.Request) != whole.Member("request").Text {
		return proof{}, errors.New("request is not canonical base64")
	}
	return p, p.numbers()
}

// numbers reads the integers; each must be in the range that the contract and the tree allow.
func (p *proof) numbers() error {
	p.wei, _ = new(big.Int).SetString(p.AmountWei, 10) // of the form count
	p.chainID, _ = new(big.Int).SetString(p.Chain.ChainID, 10)
	p.contract = common.HexToAddress(p.Chain.Contract)
	for _, n := range []struct {
		name, text string
		into       *uint64
		bits       int
	}{
		{"batch.id", p.Batch.ID, &p.batchID, 64},
		{"batch.size", p.Batch.Size, &p.size, 32},
		{"batch.leaf_index", p.Batch.LeafIndex, &p.leafIndex, 32},
		{"log.size", p.Log.Size, &p.logSize, 64},
		{"chain.block_number", p.Chain.BlockNumber, &p.blockNumber, 64},
		{"chain.deployed_block", p.Chain.DeployedBlock, &p.deployed, 64},
	} {
		var err error
		if *n.into, err = strconv.ParseUint(n.text, 10, n.bits); err != nil {
			return fmt.Errorf("%s is out of range", n.name)
		}
	}
	switch {
	case p.wei.BitLen() > 256:
		return errors.New("amount_wei is out of range")
	case p.size > merkle.MaxLeaves:
		return fmt.Errorf("batch.size is above %d, the most that a batch holds", merkle.MaxLeaves)
	case p.deployed > p.blockNumber:
		return errors.New("chain.deployed_block is above chain.block_number")
	case !checksummed(p.Chain.Contract, p.contract):
		return errors.New("chain.contract has a wrong EIP-55 checksum")
	}
	return nil
}

// checksummed accepts EIP-55's form and the lower-case one, which has no checksum to be wrong.
func checksummed(written string, address common.Address) bool {
	return written == address.Hex() || written == "0x"+common.Bytes2Hex(address[:])
}

func (f form) check(path string, v *strictjson.Value) error {
	switch {
	case f.nullable && v.Kind == strictjson.Null:
		return nil
	case f.members != nil:
		return f.checkObject(path, v)
	case f.list != nil:
		if v.Kind != strictjson.Array || len(v.Items) > maxList {
			return fmt.Errorf("%s is not a list of at most %d", path, maxList)
		}
		for i, item := range v.Items {
			if err := (form{text: f.list}).check(fmt.Sprintf("%s[%d]", path, i), item); err != nil {
				return err
			}
		}
		return nil
	case f.number != nil:
		if v.Kind != strictjson.Number || !f.number.MatchString(v.Text) {
			return fmt.Errorf("%s is malformed", path)
		}
		return nil
	default:
		if v.Kind != strictjson.String || !f.text.MatchString(v.Text) {
			return fmt.Errorf("%s is malformed", path)
		}
		return nil
	}
}

func (f form) checkObject(path string, v *strictjson.Value) error {
	name := "it"
	if path != "" {
		name, path = path, path+"."
	}
	names := slices.Sorted(maps.Keys(f.members))
	if v.Kind != strictjson.Object {
		return fmt.Errorf("%s is not a JSON object", name)
	}
	if unknown := v.Unknown(names...); len(unknown) > 0 && !f.open {
		return fmt.Errorf("%s has an unknown member %q", name, unknown[0])
	}
	for _, member := range names {
		value := v.Member(member)
		if value == nil {
			return fmt.Errorf("%s%s is missing", path, member)
		}
		if err := f.members[member].check(path+member, value); err != nil {
			return err
		}
	}
	return nil
}
