package step

import (
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Deployment is a contract as the journal has it.
type Deployment struct {
	ID       int64 // 0 for one at ANCHOR_CONTRACT that is not journaled yet
	Contract common.Address
	Given    bool // by ANCHOR_CONTRACT: not ours to deploy
	Used     bool // a batch was once mined at it, so it did exist
	Final    bool // a batch at it was once final, so no reorg can take it
	Replay   bool // it takes all leaves again
	Deployer common.Address
	Nonce    uint64    // of its deploy transaction, in the deployer's account
	Attempts []Attempt // of its deploy transaction, oldest first
}

// DeployView is what the chain has at the deployment's address, at one block.
type DeployView struct {
	Sure    bool           // most of the configured nodes have this block
	Code    bool           // there is code
	Matches bool           // and it is this build's
	Sender  common.Address // the account that this anchor signs for
	Nonce   uint64         // of the sender's next transaction
	Head    uint64         // height of the block
	Past    Outcomes       // of the attempts at the deploy transaction, read when there is no code
}

// DeployRules are what the operator allows.
type DeployRules struct {
	MayDeploy    bool // ANCHOR_DEPLOY
	Development  bool // a development chain: what is lost on it is deployed and anchored again
	Replay       bool // ANCHOR_REPLAY: a new deployment takes all leaves again
	OtherGenesis bool // the journal has deployments on a chain of this id with another genesis
}

// Further steps, which come before there is a contract to anchor at.
type (
	// Use anchors at the deployment: its contract is there and has our code.
	Use struct{}
	// Deploy journals and sends a new deploy transaction, which makes a new deployment.
	Deploy struct {
		Nonce  uint64
		Replay bool // all leaves again, also those that an earlier deployment has sealed
	}
)

func (Use) step()    {}
func (Deploy) step() {}

// NextDeploy decides how the anchor gets its contract; d is nil when the journal has none on this chain.
func NextDeploy(d *Deployment, c DeployView, rules DeployRules, limits Limits, now time.Time) Step {
	return haltOnlyIf(c.Sure, decideDeploy(d, c, rules, limits, now), c.Head)
}

func decideDeploy(d *Deployment, c DeployView, rules DeployRules, limits Limits, now time.Time) Step {
	switch {
	case d == nil && rules.OtherGenesis && !rules.Development:
		return Halt{Reason: "the journal's deployments are on a chain with this id and another genesis block: check WEB3_PROVIDER"}
	case d != nil && d.ID == 0 && rules.OtherGenesis && !rules.Development && !rules.Replay:
		return Halt{Reason: "the journal's deployments are on a chain with this id and another genesis block: check WEB3_PROVIDER; if the chain was " +
			"recreated, set ANCHOR_REPLAY=true as well as ANCHOR_CONTRACT, since what was final is lost with it"}
	case d == nil && rules.MayDeploy:
		return Deploy{Nonce: c.Nonce, Replay: rules.Replay || rules.OtherGenesis}
	case d == nil:
		return Halt{Reason: "there is no contract in the journal for this chain: set ANCHOR_CONTRACT to one, or ANCHOR_DEPLOY=true to make one"}
	case c.Matches:
		return Use{}
	case c.Code:
		return Halt{Reason: "the contract's code on the chain is not this build's: check ANCHOR_CONTRACT and WEB3_PROVIDER, or run the build that deployed it"}
	case d.Nonce > c.Nonce && d.Deployer == c.Sender && !rules.Development:
		return Doubt{Reason: "the account has fewer transactions than the journal: the node is still syncing or on a fork of its own"}
	case d.Given && d.ID != 0 && !d.Final:
		return Doubt{Reason: "the code at ANCHOR_CONTRACT was seen and is gone: a reorg that may bring it back, or a stale node"}
	case d.Given:
		return Halt{Reason: "there is no code at ANCHOR_CONTRACT on this chain: check the address and WEB3_PROVIDER"}
	case !d.Final && d.Deployer == c.Sender && d.Nonce == c.Nonce: // never mined yet, or a reorg took it
		return transmit(Batch{Attempts: d.Attempts}, c.Sender, c.Nonce, c.Head, limits, now)
	case d.Used && !rules.Development:
		return Halt{Reason: "the contract is gone from the chain: check WEB3_PROVIDER; if the chain itself lost it, see OPERATIONS.md, A contract that is lost"}
	case c.Past.Succeeded && !d.Used:
		return Doubt{Reason: "the node shows the deploy transaction as successful, but no contract: its answers are stale"}
	case c.Past.Reverted > 0: // another would fail as well, and cost as much
		return Halt{Reason: "the contract's deploy transaction was mined and failed: deploy one by hand and set ANCHOR_CONTRACT; see OPERATIONS.md, " +
			"A transaction that fails again and again"}
	case rules.MayDeploy: // its nonce was used by something else, or the development chain was wiped
		return Deploy{Nonce: c.Nonce, Replay: rules.Replay || d.Replay || d.Used}
	}
	return Halt{Reason: "the contract's deploy transaction failed: set ANCHOR_DEPLOY=true to make another, or ANCHOR_CONTRACT"}
}
