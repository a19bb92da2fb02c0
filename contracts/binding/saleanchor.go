// Code generated via abigen V2 - DO NOT EDIT.
// This file is a generated binding and any manual changes will be lost.

package binding

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Reference imports to suppress errors if they are not otherwise used.
var (
	_ = bytes.Equal
	_ = errors.New
	_ = big.NewInt
	_ = common.Big1
	_ = types.BloomLookup
	_ = abi.ConvertType
)

// SaleAnchorMetaData contains all meta data concerning the SaleAnchor contract.
var SaleAnchorMetaData = bind.MetaData{
	ABI: "[{\"type\":\"constructor\",\"inputs\":[{\"name\":\"owner_\",\"type\":\"address\",\"internalType\":\"address\"},{\"name\":\"anchorer_\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"acceptOwnership\",\"inputs\":[],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"anchor\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"root\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"},{\"name\":\"size\",\"type\":\"uint32\",\"internalType\":\"uint32\"}],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"anchorer\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"contains\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"root\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"},{\"name\":\"size\",\"type\":\"uint32\",\"internalType\":\"uint32\"},{\"name\":\"path\",\"type\":\"bytes32[]\",\"internalType\":\"bytes32[]\"}],\"outputs\":[{\"name\":\"\",\"type\":\"bool\",\"internalType\":\"bool\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"logRoot\",\"inputs\":[],\"outputs\":[{\"name\":\"root\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"nextBatchId\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"uint64\",\"internalType\":\"uint64\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"owner\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"pendingOwner\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"renounceOwnership\",\"inputs\":[],\"outputs\":[],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"setAnchorer\",\"inputs\":[{\"name\":\"newAnchorer\",\"type\":\"address\",\"internalType\":\"address\"}],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"transferOwnership\",\"inputs\":[{\"name\":\"newOwner\",\"type\":\"address\",\"internalType\":\"address\"}],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"verify\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"size\",\"type\":\"uint32\",\"internalType\":\"uint32\"},{\"name\":\"saleHash\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"},{\"name\":\"amountWei\",\"type\":\"uint256\",\"internalType\":\"uint256\"},{\"name\":\"proof\",\"type\":\"bytes32[]\",\"internalType\":\"bytes32[]\"},{\"name\":\"path\",\"type\":\"bytes32[]\",\"internalType\":\"bytes32[]\"}],\"outputs\":[{\"name\":\"\",\"type\":\"bool\",\"internalType\":\"bool\"}],\"stateMutability\":\"view\"},{\"type\":\"event\",\"name\":\"AnchorerChanged\",\"inputs\":[{\"name\":\"from\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"},{\"name\":\"to\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"}],\"anonymous\":false},{\"type\":\"event\",\"name\":\"BatchAnchored\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"indexed\":true,\"internalType\":\"uint64\"},{\"name\":\"root\",\"type\":\"bytes32\",\"indexed\":true,\"internalType\":\"bytes32\"},{\"name\":\"size\",\"type\":\"uint32\",\"indexed\":false,\"internalType\":\"uint32\"}],\"anonymous\":false},{\"type\":\"event\",\"name\":\"OwnershipTransferStarted\",\"inputs\":[{\"name\":\"previousOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"},{\"name\":\"newOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"}],\"anonymous\":false},{\"type\":\"event\",\"name\":\"OwnershipTransferred\",\"inputs\":[{\"name\":\"previousOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"},{\"name\":\"newOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"}],\"anonymous\":false},{\"type\":\"error\",\"name\":\"EmptyBatch\",\"inputs\":[]},{\"type\":\"error\",\"name\":\"EmptyRoot\",\"inputs\":[]},{\"type\":\"error\",\"name\":\"NotAnchorer\",\"inputs\":[{\"name\":\"caller\",\"type\":\"address\",\"internalType\":\"address\"}]},{\"type\":\"error\",\"name\":\"OwnableInvalidOwner\",\"inputs\":[{\"name\":\"owner\",\"type\":\"address\",\"internalType\":\"address\"}]},{\"type\":\"error\",\"name\":\"OwnableUnauthorizedAccount\",\"inputs\":[{\"name\":\"account\",\"type\":\"address\",\"internalType\":\"address\"}]},{\"type\":\"error\",\"name\":\"WrongBatchId\",\"inputs\":[{\"name\":\"given\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"expected\",\"type\":\"uint64\",\"internalType\":\"uint64\"}]},{\"type\":\"error\",\"name\":\"ZeroAnchorer\",\"inputs\":[]}]",
	ID:  "SaleAnchor",
	Bin: "0x60803461013a57601f610c0b38819003918201601f19168301916001600160401b0383118484101761013e57808492604094855283398101031261013a57610052602061004b83610152565b9201610152565b6001600160a01b0390911690811561012757600180546001600160a01b03199081169091555f80549182168417815560405193916001600160a01b0316907f8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e09080a3600254906001600160a01b0316801561011857806001600160a01b0383167f69b1f79c8a6a5c0d63181c7a49453e8601d01ccd2432292c1cc65e0ac4d35bf75f80a36001600160e01b031990911617600160a01b17600255610aa490816101678239f35b637110c4a160e01b5f5260045ffd5b631e4fbdf760e01b5f525f60045260245ffd5b5f80fd5b634e487b7160e01b5f52604160045260245ffd5b51906001600160a01b038216820361013a5756fe60806040526004361015610011575f80fd5b5f3560e01c80630e0ab0a114610673578063715018a61461062f57806379ba5097146105775780637ff40c9a1461052357806384609921146104fd5780638462a7f8146104d35780638da5cb5b146104ae578063a149a2141461027d578063e30c397814610257578063f06f069e14610235578063f2fde38b146101b85763f98a086e1461009d575f80fd5b346101b45760c03660031901126101b4576100b661071d565b60243563ffffffff811681036101b45760843567ffffffffffffffff81116101b4576100e6903690600401610747565b60a49291923567ffffffffffffffff81116101b45761010c909391933690600401610747565b949093604051602081019060443582526064356040820152604081526101336060826109a9565b519020604051602081019182526020815261014f6040826109a9565b519020925f915b80831061017657602061016c89898989896107a8565b6040519015158152f35b909193610184858385610798565b3590818110156101a3575f52602052600160405f205b94019190610156565b905f52602052600160405f2061019a565b5f80fd5b346101b45760203660031901126101b4576004356001600160a01b0381168091036101b4576101e56109df565b8073ffffffffffffffffffffffffffffffffffffffff1960015416176001556001600160a01b035f54167f38d16b8cac22d99fc7c124b9cd0de2d3fa1faef420bfe791d8c362d765e227005f80a3005b346101b4575f3660031901126101b457602061024f61091e565b604051908152f35b346101b4575f3660031901126101b45760206001600160a01b0360015416604051908152f35b346101b45760603660031901126101b45761029661071d565b602435906102a2610734565b600254916001600160a01b03831633036104825767ffffffffffffffff8360a01c169267ffffffffffffffff8216938085036104535750841561042b5763ffffffff831692831561040357600185019167ffffffffffffffff83116103ef577fffffffff0000000000000000ffffffffffffffffffffffffffffffffffffffff7bffffffffffffffff00000000000000000000000000000000000000006103549460a01b1691161760025585836109f2565b9167ffffffffffffffff6103685f93610778565b165b6001808216146103c4575060408210156103b0577f40ba15e6a24e40437c29578ed69813c797a7b54dcef7c562a4394cf25cead0059260209260030155604051908152a3005b634e487b7160e01b5f52603260045260245ffd5b919260408410156103b0576103e06103e6918560030154610a5e565b93610910565b9160011c61036a565b634e487b7160e01b5f52601160045260245ffd5b7fc2e5347d000000000000000000000000000000000000000000000000000000005f5260045ffd5b7f53ce4ece000000000000000000000000000000000000000000000000000000005f5260045ffd5b847fd728ca29000000000000000000000000000000000000000000000000000000005f5260045260245260445ffd5b7f0e5e5f6f000000000000000000000000000000000000000000000000000000005f523360045260245ffd5b346101b4575f3660031901126101b45760206001600160a01b035f5416604051908152f35b346101b4575f3660031901126101b457602067ffffffffffffffff60025460a01c16604051908152f35b346101b4575f3660031901126101b45760206001600160a01b0360025416604051908152f35b346101b45760803660031901126101b45761053c61071d565b610544610734565b6064359067ffffffffffffffff82116101b45760209261056b61016c933690600401610747565b929091602435906107a8565b346101b4575f3660031901126101b457600154336001600160a01b038216036106035773ffffffffffffffffffffffffffffffffffffffff19166001555f543373ffffffffffffffffffffffffffffffffffffffff198216175f556001600160a01b033391167f8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e05f80a3005b7f118cdaa7000000000000000000000000000000000000000000000000000000005f523360045260245ffd5b346101b4575f3660031901126101b4576106476109df565b7f1e4fbdf7000000000000000000000000000000000000000000000000000000005f525f60045260245ffd5b346101b45760203660031901126101b4576004356001600160a01b0381168091036101b4576106a06109df565b80156106f55773ffffffffffffffffffffffffffffffffffffffff19600254826001600160a01b0382167f69b1f79c8a6a5c0d63181c7a49453e8601d01ccd2432292c1cc65e0ac4d35bf75f80a31617600255005b7f7110c4a1000000000000000000000000000000000000000000000000000000005f5260045ffd5b6004359067ffffffffffffffff821682036101b457565b6044359063ffffffff821682036101b457565b9181601f840112156101b45782359167ffffffffffffffff83116101b4576020808501948460051b0101116101b457565b67ffffffffffffffff5f199116019067ffffffffffffffff82116103ef57565b91908110156103b05760051b0190565b929067ffffffffffffffff841680159081156108f6575b506108ed5767ffffffffffffffff6107d685610778565b169267ffffffffffffffff60025460a01c16600119019167ffffffffffffffff83116103ef5767ffffffffffffffff6108139395949516956109f2565b935f925b81841061083b575050505015908161082d575090565b905061083761091e565b1490565b90919484969396156108e25760018087161480156108d9575b156108b3576108729061086c88858599989699610798565b35610a5e565b915b6001851615806108aa575b156108915760011c9360011c93610874565b600190969396959192955b811c94811c93019291610817565b5084151561087f565b6108d36001916108cc89868697969b989b9a999a610798565b3590610a5e565b9561089c565b50848614610854565b505050925050505f90565b50505050505f90565b905067ffffffffffffffff60025460a01c1611155f6107bf565b5f1981146103ef5760010190565b5f9067ffffffffffffffff6109398160025460a01c16610778565b16805f915b610946575050565b600180821614610966575b60011c90819061096090610910565b9161093e565b9280610989575060408110156103b0578061096091600301545b93909150610951565b9060408110156103b0576109a4610960928260030154610a5e565b610980565b90601f8019910116810190811067ffffffffffffffff8211176109cb57604052565b634e487b7160e01b5f52604160045260245ffd5b6001600160a01b035f5416330361060357565b909163ffffffff906040519367ffffffffffffffff6020860194168452604085015216606083015260608252610a296080836109a9565b610a586021604051809360208201955f87525180918484015e81015f838201520301601f1981018352826109a9565b51902090565b906040519060208201927f010000000000000000000000000000000000000000000000000000000000000084526021830152604182015260418152610a586061826109a956",
}

// SaleAnchor is an auto generated Go binding around an Ethereum contract.
type SaleAnchor struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *SaleAnchor) GetABI() abi.ABI {
	return c.abi
}

// NewSaleAnchor creates a new instance of SaleAnchor.
func NewSaleAnchor() *SaleAnchor {
	parsed, err := SaleAnchorMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &SaleAnchor{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *SaleAnchor) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackConstructor is the Go binding used to pack the parameters required for
// contract deployment.
//
// Solidity: constructor(address owner_, address anchorer_) returns()
func (saleAnchor *SaleAnchor) PackConstructor(owner_ common.Address, anchorer_ common.Address) []byte {
	enc, err := saleAnchor.abi.Pack("", owner_, anchorer_)
	if err != nil {
		panic(err)
	}
	return enc
}

// PackAcceptOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x79ba5097.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function acceptOwnership() returns()
func (saleAnchor *SaleAnchor) PackAcceptOwnership() []byte {
	enc, err := saleAnchor.abi.Pack("acceptOwnership")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAcceptOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x79ba5097.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function acceptOwnership() returns()
func (saleAnchor *SaleAnchor) TryPackAcceptOwnership() ([]byte, error) {
	return saleAnchor.abi.Pack("acceptOwnership")
}

// PackAnchor is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa149a214.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function anchor(uint64 batchId, bytes32 root, uint32 size) returns()
func (saleAnchor *SaleAnchor) PackAnchor(batchId uint64, root [32]byte, size uint32) []byte {
	enc, err := saleAnchor.abi.Pack("anchor", batchId, root, size)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAnchor is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xa149a214.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function anchor(uint64 batchId, bytes32 root, uint32 size) returns()
func (saleAnchor *SaleAnchor) TryPackAnchor(batchId uint64, root [32]byte, size uint32) ([]byte, error) {
	return saleAnchor.abi.Pack("anchor", batchId, root, size)
}

// PackAnchorer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x84609921.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function anchorer() view returns(address)
func (saleAnchor *SaleAnchor) PackAnchorer() []byte {
	enc, err := saleAnchor.abi.Pack("anchorer")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAnchorer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x84609921.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function anchorer() view returns(address)
func (saleAnchor *SaleAnchor) TryPackAnchorer() ([]byte, error) {
	return saleAnchor.abi.Pack("anchorer")
}

// UnpackAnchorer is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x84609921.
//
// Solidity: function anchorer() view returns(address)
func (saleAnchor *SaleAnchor) UnpackAnchorer(data []byte) (common.Address, error) {
	out, err := saleAnchor.abi.Unpack("anchorer", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackContains is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x7ff40c9a.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function contains(uint64 batchId, bytes32 root, uint32 size, bytes32[] path) view returns(bool)
func (saleAnchor *SaleAnchor) PackContains(batchId uint64, root [32]byte, size uint32, path [][32]byte) []byte {
	enc, err := saleAnchor.abi.Pack("contains", batchId, root, size, path)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackContains is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x7ff40c9a.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function contains(uint64 batchId, bytes32 root, uint32 size, bytes32[] path) view returns(bool)
func (saleAnchor *SaleAnchor) TryPackContains(batchId uint64, root [32]byte, size uint32, path [][32]byte) ([]byte, error) {
	return saleAnchor.abi.Pack("contains", batchId, root, size, path)
}

// UnpackContains is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x7ff40c9a.
//
// Solidity: function contains(uint64 batchId, bytes32 root, uint32 size, bytes32[] path) view returns(bool)
func (saleAnchor *SaleAnchor) UnpackContains(data []byte) (bool, error) {
	out, err := saleAnchor.abi.Unpack("contains", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// PackLogRoot is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf06f069e.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function logRoot() view returns(bytes32 root)
func (saleAnchor *SaleAnchor) PackLogRoot() []byte {
	enc, err := saleAnchor.abi.Pack("logRoot")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackLogRoot is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf06f069e.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function logRoot() view returns(bytes32 root)
func (saleAnchor *SaleAnchor) TryPackLogRoot() ([]byte, error) {
	return saleAnchor.abi.Pack("logRoot")
}

// UnpackLogRoot is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xf06f069e.
//
// Solidity: function logRoot() view returns(bytes32 root)
func (saleAnchor *SaleAnchor) UnpackLogRoot(data []byte) ([32]byte, error) {
	out, err := saleAnchor.abi.Unpack("logRoot", data)
	if err != nil {
		return *new([32]byte), err
	}
	out0 := *abi.ConvertType(out[0], new([32]byte)).(*[32]byte)
	return out0, nil
}

// PackNextBatchId is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8462a7f8.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function nextBatchId() view returns(uint64)
func (saleAnchor *SaleAnchor) PackNextBatchId() []byte {
	enc, err := saleAnchor.abi.Pack("nextBatchId")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackNextBatchId is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8462a7f8.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function nextBatchId() view returns(uint64)
func (saleAnchor *SaleAnchor) TryPackNextBatchId() ([]byte, error) {
	return saleAnchor.abi.Pack("nextBatchId")
}

// UnpackNextBatchId is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x8462a7f8.
//
// Solidity: function nextBatchId() view returns(uint64)
func (saleAnchor *SaleAnchor) UnpackNextBatchId(data []byte) (uint64, error) {
	out, err := saleAnchor.abi.Unpack("nextBatchId", data)
	if err != nil {
		return *new(uint64), err
	}
	out0 := *abi.ConvertType(out[0], new(uint64)).(*uint64)
	return out0, nil
}

// PackOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8da5cb5b.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function owner() view returns(address)
func (saleAnchor *SaleAnchor) PackOwner() []byte {
	enc, err := saleAnchor.abi.Pack("owner")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x8da5cb5b.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function owner() view returns(address)
func (saleAnchor *SaleAnchor) TryPackOwner() ([]byte, error) {
	return saleAnchor.abi.Pack("owner")
}

// UnpackOwner is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x8da5cb5b.
//
// Solidity: function owner() view returns(address)
func (saleAnchor *SaleAnchor) UnpackOwner(data []byte) (common.Address, error) {
	out, err := saleAnchor.abi.Unpack("owner", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackPendingOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xe30c3978.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function pendingOwner() view returns(address)
func (saleAnchor *SaleAnchor) PackPendingOwner() []byte {
	enc, err := saleAnchor.abi.Pack("pendingOwner")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackPendingOwner is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xe30c3978.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function pendingOwner() view returns(address)
func (saleAnchor *SaleAnchor) TryPackPendingOwner() ([]byte, error) {
	return saleAnchor.abi.Pack("pendingOwner")
}

// UnpackPendingOwner is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xe30c3978.
//
// Solidity: function pendingOwner() view returns(address)
func (saleAnchor *SaleAnchor) UnpackPendingOwner(data []byte) (common.Address, error) {
	out, err := saleAnchor.abi.Unpack("pendingOwner", data)
	if err != nil {
		return *new(common.Address), err
	}
	out0 := *abi.ConvertType(out[0], new(common.Address)).(*common.Address)
	return out0, nil
}

// PackRenounceOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x715018a6.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function renounceOwnership() view returns()
func (saleAnchor *SaleAnchor) PackRenounceOwnership() []byte {
	enc, err := saleAnchor.abi.Pack("renounceOwnership")
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRenounceOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x715018a6.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function renounceOwnership() view returns()
func (saleAnchor *SaleAnchor) TryPackRenounceOwnership() ([]byte, error) {
	return saleAnchor.abi.Pack("renounceOwnership")
}

// PackSetAnchorer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0e0ab0a1.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function setAnchorer(address newAnchorer) returns()
func (saleAnchor *SaleAnchor) PackSetAnchorer(newAnchorer common.Address) []byte {
	enc, err := saleAnchor.abi.Pack("setAnchorer", newAnchorer)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackSetAnchorer is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x0e0ab0a1.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function setAnchorer(address newAnchorer) returns()
func (saleAnchor *SaleAnchor) TryPackSetAnchorer(newAnchorer common.Address) ([]byte, error) {
	return saleAnchor.abi.Pack("setAnchorer", newAnchorer)
}

// PackTransferOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf2fde38b.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function transferOwnership(address newOwner) returns()
func (saleAnchor *SaleAnchor) PackTransferOwnership(newOwner common.Address) []byte {
	enc, err := saleAnchor.abi.Pack("transferOwnership", newOwner)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackTransferOwnership is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf2fde38b.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function transferOwnership(address newOwner) returns()
func (saleAnchor *SaleAnchor) TryPackTransferOwnership(newOwner common.Address) ([]byte, error) {
	return saleAnchor.abi.Pack("transferOwnership", newOwner)
}

// PackVerify is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf98a086e.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function verify(uint64 batchId, uint32 size, bytes32 saleHash, uint256 amountWei, bytes32[] proof, bytes32[] path) view returns(bool)
func (saleAnchor *SaleAnchor) PackVerify(batchId uint64, size uint32, saleHash [32]byte, amountWei *big.Int, proof [][32]byte, path [][32]byte) []byte {
	enc, err := saleAnchor.abi.Pack("verify", batchId, size, saleHash, amountWei, proof, path)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackVerify is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xf98a086e.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function verify(uint64 batchId, uint32 size, bytes32 saleHash, uint256 amountWei, bytes32[] proof, bytes32[] path) view returns(bool)
func (saleAnchor *SaleAnchor) TryPackVerify(batchId uint64, size uint32, saleHash [32]byte, amountWei *big.Int, proof [][32]byte, path [][32]byte) ([]byte, error) {
	return saleAnchor.abi.Pack("verify", batchId, size, saleHash, amountWei, proof, path)
}

// UnpackVerify is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0xf98a086e.
//
// Solidity: function verify(uint64 batchId, uint32 size, bytes32 saleHash, uint256 amountWei, bytes32[] proof, bytes32[] path) view returns(bool)
func (saleAnchor *SaleAnchor) UnpackVerify(data []byte) (bool, error) {
	out, err := saleAnchor.abi.Unpack("verify", data)
	if err != nil {
		return *new(bool), err
	}
	out0 := *abi.ConvertType(out[0], new(bool)).(*bool)
	return out0, nil
}

// SaleAnchorAnchorerChanged represents a AnchorerChanged event raised by the SaleAnchor contract.
type SaleAnchorAnchorerChanged struct {
	From common.Address
	To   common.Address
	Raw  *types.Log // Blockchain specific contextual infos
}

const SaleAnchorAnchorerChangedEventName = "AnchorerChanged"

// ContractEventName returns the user-defined event name.
func (SaleAnchorAnchorerChanged) ContractEventName() string {
	return SaleAnchorAnchorerChangedEventName
}

// UnpackAnchorerChangedEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event AnchorerChanged(address indexed from, address indexed to)
func (saleAnchor *SaleAnchor) UnpackAnchorerChangedEvent(log *types.Log) (*SaleAnchorAnchorerChanged, error) {
	event := "AnchorerChanged"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != saleAnchor.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(SaleAnchorAnchorerChanged)
	if len(log.Data) > 0 {
		if err := saleAnchor.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range saleAnchor.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// SaleAnchorBatchAnchored represents a BatchAnchored event raised by the SaleAnchor contract.
type SaleAnchorBatchAnchored struct {
	BatchId uint64
	Root    [32]byte
	Size    uint32
	Raw     *types.Log // Blockchain specific contextual infos
}

const SaleAnchorBatchAnchoredEventName = "BatchAnchored"

// ContractEventName returns the user-defined event name.
func (SaleAnchorBatchAnchored) ContractEventName() string {
	return SaleAnchorBatchAnchoredEventName
}

// UnpackBatchAnchoredEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event BatchAnchored(uint64 indexed batchId, bytes32 indexed root, uint32 size)
func (saleAnchor *SaleAnchor) UnpackBatchAnchoredEvent(log *types.Log) (*SaleAnchorBatchAnchored, error) {
	event := "BatchAnchored"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != saleAnchor.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(SaleAnchorBatchAnchored)
	if len(log.Data) > 0 {
		if err := saleAnchor.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range saleAnchor.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// SaleAnchorOwnershipTransferStarted represents a OwnershipTransferStarted event raised by the SaleAnchor contract.
type SaleAnchorOwnershipTransferStarted struct {
	PreviousOwner common.Address
	NewOwner      common.Address
	Raw           *types.Log // Blockchain specific contextual infos
}

const SaleAnchorOwnershipTransferStartedEventName = "OwnershipTransferStarted"

// ContractEventName returns the user-defined event name.
func (SaleAnchorOwnershipTransferStarted) ContractEventName() string {
	return SaleAnchorOwnershipTransferStartedEventName
}

// UnpackOwnershipTransferStartedEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner)
func (saleAnchor *SaleAnchor) UnpackOwnershipTransferStartedEvent(log *types.Log) (*SaleAnchorOwnershipTransferStarted, error) {
	event := "OwnershipTransferStarted"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != saleAnchor.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(SaleAnchorOwnershipTransferStarted)
	if len(log.Data) > 0 {
		if err := saleAnchor.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range saleAnchor.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// SaleAnchorOwnershipTransferred represents a OwnershipTransferred event raised by the SaleAnchor contract.
type SaleAnchorOwnershipTransferred struct {
	PreviousOwner common.Address
	NewOwner      common.Address
	Raw           *types.Log // Blockchain specific contextual infos
}

const SaleAnchorOwnershipTransferredEventName = "OwnershipTransferred"

// ContractEventName returns the user-defined event name.
func (SaleAnchorOwnershipTransferred) ContractEventName() string {
	return SaleAnchorOwnershipTransferredEventName
}

// UnpackOwnershipTransferredEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)
func (saleAnchor *SaleAnchor) UnpackOwnershipTransferredEvent(log *types.Log) (*SaleAnchorOwnershipTransferred, error) {
	event := "OwnershipTransferred"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != saleAnchor.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(SaleAnchorOwnershipTransferred)
	if len(log.Data) > 0 {
		if err := saleAnchor.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range saleAnchor.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// UnpackError attempts to decode the provided error data using user-defined
// error definitions.
func (saleAnchor *SaleAnchor) UnpackError(raw []byte) (any, error) {
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["EmptyBatch"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackEmptyBatchError(raw[4:])
	}
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["EmptyRoot"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackEmptyRootError(raw[4:])
	}
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["NotAnchorer"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackNotAnchorerError(raw[4:])
	}
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["OwnableInvalidOwner"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackOwnableInvalidOwnerError(raw[4:])
	}
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["OwnableUnauthorizedAccount"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackOwnableUnauthorizedAccountError(raw[4:])
	}
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["WrongBatchId"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackWrongBatchIdError(raw[4:])
	}
	if bytes.Equal(raw[:4], saleAnchor.abi.Errors["ZeroAnchorer"].ID.Bytes()[:4]) {
		return saleAnchor.UnpackZeroAnchorerError(raw[4:])
	}
	return nil, errors.New("Unknown error")
}

// SaleAnchorEmptyBatch represents a EmptyBatch error raised by the SaleAnchor contract.
type SaleAnchorEmptyBatch struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error EmptyBatch()
func SaleAnchorEmptyBatchErrorID() common.Hash {
	return common.HexToHash("0xc2e5347df6cf8d1bf68f8a9651642312bd381b900d857d97cd665976180d6ae0")
}

// UnpackEmptyBatchError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error EmptyBatch()
func (saleAnchor *SaleAnchor) UnpackEmptyBatchError(raw []byte) (*SaleAnchorEmptyBatch, error) {
	out := new(SaleAnchorEmptyBatch)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "EmptyBatch", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// SaleAnchorEmptyRoot represents a EmptyRoot error raised by the SaleAnchor contract.
type SaleAnchorEmptyRoot struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error EmptyRoot()
func SaleAnchorEmptyRootErrorID() common.Hash {
	return common.HexToHash("0x53ce4ece66102bfdfb7e2dd6215b88dbc54b76fd92f4bed53b69b1166a744a63")
}

// UnpackEmptyRootError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error EmptyRoot()
func (saleAnchor *SaleAnchor) UnpackEmptyRootError(raw []byte) (*SaleAnchorEmptyRoot, error) {
	out := new(SaleAnchorEmptyRoot)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "EmptyRoot", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// SaleAnchorNotAnchorer represents a NotAnchorer error raised by the SaleAnchor contract.
type SaleAnchorNotAnchorer struct {
	Caller common.Address
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error NotAnchorer(address caller)
func SaleAnchorNotAnchorerErrorID() common.Hash {
	return common.HexToHash("0x0e5e5f6fb7b58e86a564686afc7a504f61673ce48074764f6af98ea30d68fcd6")
}

// UnpackNotAnchorerError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error NotAnchorer(address caller)
func (saleAnchor *SaleAnchor) UnpackNotAnchorerError(raw []byte) (*SaleAnchorNotAnchorer, error) {
	out := new(SaleAnchorNotAnchorer)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "NotAnchorer", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// SaleAnchorOwnableInvalidOwner represents a OwnableInvalidOwner error raised by the SaleAnchor contract.
type SaleAnchorOwnableInvalidOwner struct {
	Owner common.Address
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error OwnableInvalidOwner(address owner)
func SaleAnchorOwnableInvalidOwnerErrorID() common.Hash {
	return common.HexToHash("0x1e4fbdf7f3ef8bcaa855599e3abf48b232380f183f08f6f813d9ffa5bd585188")
}

// UnpackOwnableInvalidOwnerError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error OwnableInvalidOwner(address owner)
func (saleAnchor *SaleAnchor) UnpackOwnableInvalidOwnerError(raw []byte) (*SaleAnchorOwnableInvalidOwner, error) {
	out := new(SaleAnchorOwnableInvalidOwner)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "OwnableInvalidOwner", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// SaleAnchorOwnableUnauthorizedAccount represents a OwnableUnauthorizedAccount error raised by the SaleAnchor contract.
type SaleAnchorOwnableUnauthorizedAccount struct {
	Account common.Address
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error OwnableUnauthorizedAccount(address account)
func SaleAnchorOwnableUnauthorizedAccountErrorID() common.Hash {
	return common.HexToHash("0x118cdaa7a341953d1887a2245fd6665d741c67c8c50581daa59e1d03373fa188")
}

// UnpackOwnableUnauthorizedAccountError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error OwnableUnauthorizedAccount(address account)
func (saleAnchor *SaleAnchor) UnpackOwnableUnauthorizedAccountError(raw []byte) (*SaleAnchorOwnableUnauthorizedAccount, error) {
	out := new(SaleAnchorOwnableUnauthorizedAccount)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "OwnableUnauthorizedAccount", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// SaleAnchorWrongBatchId represents a WrongBatchId error raised by the SaleAnchor contract.
type SaleAnchorWrongBatchId struct {
	Given    uint64
	Expected uint64
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error WrongBatchId(uint64 given, uint64 expected)
func SaleAnchorWrongBatchIdErrorID() common.Hash {
	return common.HexToHash("0xd728ca29ac2fbaeece3edfbef29342956029c637e17a756df50fbb20b0dac8db")
}

// UnpackWrongBatchIdError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error WrongBatchId(uint64 given, uint64 expected)
func (saleAnchor *SaleAnchor) UnpackWrongBatchIdError(raw []byte) (*SaleAnchorWrongBatchId, error) {
	out := new(SaleAnchorWrongBatchId)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "WrongBatchId", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// SaleAnchorZeroAnchorer represents a ZeroAnchorer error raised by the SaleAnchor contract.
type SaleAnchorZeroAnchorer struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error ZeroAnchorer()
func SaleAnchorZeroAnchorerErrorID() common.Hash {
	return common.HexToHash("0x7110c4a1e207dd190eaa2e6c40aeb0e70affea5eb498857bf51f0d9d85807115")
}

// UnpackZeroAnchorerError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error ZeroAnchorer()
func (saleAnchor *SaleAnchor) UnpackZeroAnchorerError(raw []byte) (*SaleAnchorZeroAnchorer, error) {
	out := new(SaleAnchorZeroAnchorer)
	if err := saleAnchor.abi.UnpackIntoInterface(out, "ZeroAnchorer", raw); err != nil {
		return nil, err
	}
	return out, nil
}
