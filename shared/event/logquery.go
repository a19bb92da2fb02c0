package event

import (
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/fault"
)

// LogAsked is what a LogQuery asks for; nil where it leaves something open.
type LogAsked struct {
	Contract *common.Address
	BatchID  *uint64
	Size     *uint64
}

// Parse reads a query. A member of another form is Invalid, and the error begins with its name: whether there is such a contract or batch
// is another question.
func (q LogQuery) Parse() (asked LogAsked, err error) {
	if asked.BatchID, err = parseNumber("batch_id", q.BatchID); err != nil {
		return LogAsked{}, err
	}
	if asked.Size, err = parseNumber("size", q.Size); err != nil {
		return LogAsked{}, err
	}
	if q.Contract == "" {
		return asked, nil
	}
	address := common.HexToAddress(q.Contract)
	if hex := address.Hex(); q.Contract != hex && q.Contract != strings.ToLower(hex) {
		return LogAsked{}, fault.New(fault.Invalid, "contract must be an address, with its checksum (EIP-55) or in lower case")
	}
	asked.Contract = &address
	return asked, nil
}

// parseNumber reads a uint64 as we write them.
func parseNumber(member, text string) (*uint64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return nil, fault.New(fault.Invalid, "%s must be a whole number of at most 64 bits, without leading zeros", member)
	}
	return &n, nil
}
