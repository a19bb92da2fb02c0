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
	ABI: "[{\"type\":\"constructor\",\"inputs\":[{\"name\":\"owner_\",\"type\":\"address\",\"internalType\":\"address\"},{\"name\":\"anchorer_\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"acceptOwnership\",\"inputs\":[],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"anchor\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"root\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"},{\"name\":\"size\",\"type\":\"uint32\",\"internalType\":\"uint32\"}],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"anchorer\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"nextBatchId\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"uint64\",\"internalType\":\"uint64\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"owner\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"pendingOwner\",\"inputs\":[],\"outputs\":[{\"name\":\"\",\"type\":\"address\",\"internalType\":\"address\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"renounceOwnership\",\"inputs\":[],\"outputs\":[],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"rootOf\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"internalType\":\"uint64\"}],\"outputs\":[{\"name\":\"root\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"}],\"stateMutability\":\"view\"},{\"type\":\"function\",\"name\":\"setAnchorer\",\"inputs\":[{\"name\":\"newAnchorer\",\"type\":\"address\",\"internalType\":\"address\"}],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"transferOwnership\",\"inputs\":[{\"name\":\"newOwner\",\"type\":\"address\",\"internalType\":\"address\"}],\"outputs\":[],\"stateMutability\":\"nonpayable\"},{\"type\":\"function\",\"name\":\"verify\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"saleHash\",\"type\":\"bytes32\",\"internalType\":\"bytes32\"},{\"name\":\"amountWei\",\"type\":\"uint256\",\"internalType\":\"uint256\"},{\"name\":\"proof\",\"type\":\"bytes32[]\",\"internalType\":\"bytes32[]\"}],\"outputs\":[{\"name\":\"\",\"type\":\"bool\",\"internalType\":\"bool\"}],\"stateMutability\":\"view\"},{\"type\":\"event\",\"name\":\"AnchorerChanged\",\"inputs\":[{\"name\":\"from\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"},{\"name\":\"to\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"}],\"anonymous\":false},{\"type\":\"event\",\"name\":\"BatchAnchored\",\"inputs\":[{\"name\":\"batchId\",\"type\":\"uint64\",\"indexed\":true,\"internalType\":\"uint64\"},{\"name\":\"root\",\"type\":\"bytes32\",\"indexed\":true,\"internalType\":\"bytes32\"},{\"name\":\"size\",\"type\":\"uint32\",\"indexed\":false,\"internalType\":\"uint32\"}],\"anonymous\":false},{\"type\":\"event\",\"name\":\"OwnershipTransferStarted\",\"inputs\":[{\"name\":\"previousOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"},{\"name\":\"newOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"}],\"anonymous\":false},{\"type\":\"event\",\"name\":\"OwnershipTransferred\",\"inputs\":[{\"name\":\"previousOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"},{\"name\":\"newOwner\",\"type\":\"address\",\"indexed\":true,\"internalType\":\"address\"}],\"anonymous\":false},{\"type\":\"error\",\"name\":\"EmptyBatch\",\"inputs\":[]},{\"type\":\"error\",\"name\":\"EmptyRoot\",\"inputs\":[]},{\"type\":\"error\",\"name\":\"NotAnchorer\",\"inputs\":[{\"name\":\"caller\",\"type\":\"address\",\"internalType\":\"address\"}]},{\"type\":\"error\",\"name\":\"OwnableInvalidOwner\",\"inputs\":[{\"name\":\"owner\",\"type\":\"address\",\"internalType\":\"address\"}]},{\"type\":\"error\",\"name\":\"OwnableUnauthorizedAccount\",\"inputs\":[{\"name\":\"account\",\"type\":\"address\",\"internalType\":\"address\"}]},{\"type\":\"error\",\"name\":\"WrongBatchId\",\"inputs\":[{\"name\":\"given\",\"type\":\"uint64\",\"internalType\":\"uint64\"},{\"name\":\"expected\",\"type\":\"uint64\",\"internalType\":\"uint64\"}]},{\"type\":\"error\",\"name\":\"ZeroAnchorer\",\"inputs\":[]}]",
	ID:  "SaleAnchor",
	Bin: "0x608060405260028054600160a01b600160e01b031916600160a01b179055348015610028575f5ffd5b50604051610c41380380610c4183398101604081905261004791610197565b816001600160a01b03811661007557604051631e4fbdf760e01b81525f600482015260240160405180910390fd5b61007e8161008f565b50610088816100ab565b50506101c8565b600180546001600160a01b03191690556100a88161012d565b50565b6001600160a01b0381166100d257604051637110c4a160e01b815260040160405180910390fd5b6002546040516001600160a01b038084169216907f69b1f79c8a6a5c0d63181c7a49453e8601d01ccd2432292c1cc65e0ac4d35bf7905f90a3600280546001600160a01b0319166001600160a01b0392909216919091179055565b5f80546001600160a01b038381166001600160a01b0319831681178455604051919092169283917f8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e09190a35050565b80516001600160a01b0381168114610192575f5ffd5b919050565b5f5f604083850312156101a8575f5ffd5b6101b18361017c565b91506101bf6020840161017c565b90509250929050565b610a6c806101d55f395ff3fe608060405234801561000f575f5ffd5b50600436106100c4575f3560e01c80638462a7f81161007d578063a149a21411610058578063a149a214146101e9578063e30c3978146101fc578063f2fde38b1461021a575f5ffd5b80638462a7f81461015a5780638da5cb5b1461019f5780639d7384d9146101bc575f5ffd5b8063715018a6116100ad578063715018a61461010557806379ba50971461010d5780638460992114610115575f5ffd5b80630e0ab0a1146100c85780631d953b65146100dd575b5f5ffd5b6100db6100d63660046108b5565b61022d565b005b6100f06100eb36600461090b565b610241565b60405190151581526020015b60405180910390f35b6100db6102ed565b6100db61032e565b6002546101359073ffffffffffffffffffffffffffffffffffffffff1681565b60405173ffffffffffffffffffffffffffffffffffffffff90911681526020016100fc565b6002546101869074010000000000000000000000000000000000000000900467ffffffffffffffff1681565b60405167ffffffffffffffff90911681526020016100fc565b5f5473ffffffffffffffffffffffffffffffffffffffff16610135565b6101db6101ca36600461099c565b60036020525f908152604090205481565b6040519081526020016100fc565b6100db6101f73660046109b5565b6103a2565b60015473ffffffffffffffffffffffffffffffffffffffff16610135565b6100db6102283660046108b5565b6105aa565b610235610659565b61023e816106ad565b50565b67ffffffffffffffff85165f9081526003602052604081205480820361026a575f9150506102e4565b60408051602081018890529081018690525f90606001604080517fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0818403018152828252805160209182012090830152016040516020818303038152906040528051906020012090506102df85858484610787565b925050505b95945050505050565b6102f5610659565b6040517f1e4fbdf70000000000000000000000000000000000000000000000000000000081525f60048201526024015b60405180910390fd5b600154339073ffffffffffffffffffffffffffffffffffffffff168114610399576040517f118cdaa700000000000000000000000000000000000000000000000000000000815273ffffffffffffffffffffffffffffffffffffffff82166004820152602401610325565b61023e8161079e565b60025473ffffffffffffffffffffffffffffffffffffffff1633146103f5576040517f0e5e5f6f000000000000000000000000000000000000000000000000000000008152336004820152602401610325565b60025467ffffffffffffffff848116740100000000000000000000000000000000000000009092041614610486576002546040517fd728ca2900000000000000000000000000000000000000000000000000000000815267ffffffffffffffff8581166004830152740100000000000000000000000000000000000000009092049091166024820152604401610325565b5f8290036104c0576040517f53ce4ece00000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b8063ffffffff165f036104ff576040517fc2e5347d00000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b61050a8360016109fa565b600280547fffffffff0000000000000000ffffffffffffffffffffffffffffffffffffffff167401000000000000000000000000000000000000000067ffffffffffffffff9384160217905583165f81815260036020908152604091829020859055905163ffffffff841681528492917f40ba15e6a24e40437c29578ed69813c797a7b54dcef7c562a4394cf25cead005910160405180910390a3505050565b6105b2610659565b6001805473ffffffffffffffffffffffffffffffffffffffff83167fffffffffffffffffffffffff000000000000000000000000000000000000000090911681179091556106145f5473ffffffffffffffffffffffffffffffffffffffff1690565b73ffffffffffffffffffffffffffffffffffffffff167f38d16b8cac22d99fc7c124b9cd0de2d3fa1faef420bfe791d8c362d765e2270060405160405180910390a350565b5f5473ffffffffffffffffffffffffffffffffffffffff1633146106ab576040517f118cdaa7000000000000000000000000000000000000000000000000000000008152336004820152602401610325565b565b73ffffffffffffffffffffffffffffffffffffffff81166106fa576040517f7110c4a100000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b60025460405173ffffffffffffffffffffffffffffffffffffffff8084169216907f69b1f79c8a6a5c0d63181c7a49453e8601d01ccd2432292c1cc65e0ac4d35bf7905f90a3600280547fffffffffffffffffffffffff00000000000000000000000000000000000000001673ffffffffffffffffffffffffffffffffffffffff92909216919091179055565b5f826107948686856107cf565b1495945050505050565b600180547fffffffffffffffffffffffff000000000000000000000000000000000000000016905561023e81610810565b5f81815b84811015610807576107fd828787848181106107f1576107f1610a3f565b90506020020135610884565b91506001016107d3565b50949350505050565b5f805473ffffffffffffffffffffffffffffffffffffffff8381167fffffffffffffffffffffffff0000000000000000000000000000000000000000831681178455604051919092169283917f8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e09190a35050565b5f81831061089e575f8281526020849052604090206108ac565b5f8381526020839052604090205b90505b92915050565b5f602082840312156108c5575f5ffd5b813573ffffffffffffffffffffffffffffffffffffffff811681146108e8575f5ffd5b9392505050565b803567ffffffffffffffff81168114610906575f5ffd5b919050565b5f5f5f5f5f6080868803121561091f575f5ffd5b610928866108ef565b94506020860135935060408601359250606086013567ffffffffffffffff811115610951575f5ffd5b8601601f81018813610961575f5ffd5b803567ffffffffffffffff811115610977575f5ffd5b8860208260051b840101111561098b575f5ffd5b959894975092955050506020019190565b5f602082840312156109ac575f5ffd5b6108ac826108ef565b5f5f5f606084860312156109c7575f5ffd5b6109d0846108ef565b925060208401359150604084013563ffffffff811681146109ef575f5ffd5b809150509250925092565b67ffffffffffffffff81811683821601908111156108af577f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b7f4e487b71000000000000000000000000000000000000000000000000000000005f52603260045260245ffd",
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

// PackRootOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x9d7384d9.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function rootOf(uint64 batchId) view returns(bytes32 root)
func (saleAnchor *SaleAnchor) PackRootOf(batchId uint64) []byte {
	enc, err := saleAnchor.abi.Pack("rootOf", batchId)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackRootOf is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x9d7384d9.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function rootOf(uint64 batchId) view returns(bytes32 root)
func (saleAnchor *SaleAnchor) TryPackRootOf(batchId uint64) ([]byte, error) {
	return saleAnchor.abi.Pack("rootOf", batchId)
}

// UnpackRootOf is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x9d7384d9.
//
// Solidity: function rootOf(uint64 batchId) view returns(bytes32 root)
func (saleAnchor *SaleAnchor) UnpackRootOf(data []byte) ([32]byte, error) {
	out, err := saleAnchor.abi.Unpack("rootOf", data)
	if err != nil {
		return *new([32]byte), err
	}
	out0 := *abi.ConvertType(out[0], new([32]byte)).(*[32]byte)
	return out0, nil
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
// the contract method with ID 0x1d953b65.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function verify(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] proof) view returns(bool)
func (saleAnchor *SaleAnchor) PackVerify(batchId uint64, saleHash [32]byte, amountWei *big.Int, proof [][32]byte) []byte {
	enc, err := saleAnchor.abi.Pack("verify", batchId, saleHash, amountWei, proof)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackVerify is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x1d953b65.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function verify(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] proof) view returns(bool)
func (saleAnchor *SaleAnchor) TryPackVerify(batchId uint64, saleHash [32]byte, amountWei *big.Int, proof [][32]byte) ([]byte, error) {
	return saleAnchor.abi.Pack("verify", batchId, saleHash, amountWei, proof)
}

// UnpackVerify is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x1d953b65.
//
// Solidity: function verify(uint64 batchId, bytes32 saleHash, uint256 amountWei, bytes32[] proof) view returns(bool)
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
