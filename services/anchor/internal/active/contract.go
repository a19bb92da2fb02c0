package active

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/crash"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

// settleOnContract finds, checks or deploys the contract: it looks and acts until there is one to use.
func (a *Anchor) settleOnContract(ctx context.Context) error {
	for {
		done, err := a.contractStep(ctx)
		if err := a.persist(ctx, err); err != nil {
			return err
		}
		if done {
			return nil
		}
		if !pause(ctx, a.Set.Poll) {
			return ctx.Err()
		}
	}
}

// contractStep asks the nodes anew which chain they are on, looks and acts once.
func (a *Anchor) contractStep(ctx context.Context) (done bool, err error) {
	if err := a.identify(ctx); err != nil {
		return false, err
	}
	done, err = a.contractOn(ctx)
	return done, a.excused(err)
}

func (a *Anchor) contractOn(ctx context.Context) (done bool, err error) {
	rules := a.Set.Rules
	rules.Development = a.id.Development()
	if a.Set.PlainKey && !rules.Development {
		return false, fault.New(fault.Invalid, "ANCHOR_PRIVATE_KEY is refused on chain %s: it is for development chains; use ANCHOR_KEYSTORE", a.id.ChainID)
	}
	all, now, err := a.Journal.Contracts(ctx, a.id.ChainID)
	if err != nil {
		return false, err
	}
	if err := a.checkRate(ctx, len(all) == 0); err != nil {
		return false, err
	}
	d, err := a.choose(ctx, all, &rules)
	if err != nil {
		return false, err
	}
	address := common.Address{}
	if d != nil {
		address = d.Contract
	}
	view, sight, err := a.Chain.LookForCode(ctx, address, a.Signer.Address(), attemptsOf(d)...)
	if err != nil {
		return false, err
	}
	a.remember(attemptsOf(d), now)
	decide := func(view step.DeployView) step.Step { return step.NextDeploy(d, view, rules, a.Set.Limits, now) }
	next := a.confirmed(sight, decide(view), func() (others []step.Step) {
		for _, other := range a.Chain.WitnessesForCode(ctx, sight, address, a.Signer.Address(), attemptsOf(d)...) {
			others = append(others, decide(other))
		}
		return others
	})
	switch s := next.(type) {
	case step.Use:
		a.contract = d.Contract
		a.scope.Deployment, a.scope.Replay = d.ID, d.Replay
		a.Log.Info("anchoring at a contract", "contract", d.Contract.Hex(), "chain_id", a.id.ChainID.String(), "deployment", d.ID)
		a.remind(*d, rules)
		return true, nil
	case step.Deploy:
		return false, a.deploy(ctx, s, sight)
	case step.Sign:
		a.scope.Deployment = d.ID
		_, err := a.signAndSend(ctx, s, sight, nil, binding.DeployData(a.owner(), a.Signer.Address()))
		return false, err
	case step.Send:
		return false, a.send(ctx, s.Attempt.Hash, sight)
	case step.Doubt, step.Halt:
		return false, faultOf(s)
	}
	return false, nil
}

// remind tells of variables that do nothing, or more than is needed, now that there is a contract.
func (a *Anchor) remind(d step.Deployment, rules step.DeployRules) {
	if rules.Replay && !d.Replay {
		a.Log.Warn("ANCHOR_REPLAY=true changes nothing here: this deployment was begun without it; only a new one takes all sales again",
			"deployment", d.ID)
	}
	if rules.MayDeploy && !rules.Development {
		a.Log.Warn("ANCHOR_DEPLOY=true is still set: there is a contract, so set it to false; a deploy should be a person's decision")
	}
}

func attemptsOf(d *step.Deployment) []step.Attempt {
	if d == nil {
		return nil
	}
	return d.Attempts
}

// choose picks the journal's deployment for this chain: the one at ANCHOR_CONTRACT, journaled when it is new to us, or the newest.
func (a *Anchor) choose(ctx context.Context, all []journal.Contract, rules *step.DeployRules) (*step.Deployment, error) {
	here := false
	for i := range all {
		if all[i].Genesis != a.id.Genesis {
			continue
		}
		here = true
		if a.Set.Given == (common.Address{}) || all[i].Contract == a.Set.Given {
			return &all[i].Deployment, nil
		}
	}
	rules.OtherGenesis = len(all) > 0 && !here
	if a.Set.Given == (common.Address{}) {
		return nil, nil //nolint:nilnil // none is an answer: step.NextDeploy decides what follows
	}
	return a.adopt(ctx, *rules)
}

// adopt journals the contract at ANCHOR_CONTRACT as a deployment, if it is one for us. One that is not must not become the newest
// of ours.
func (a *Anchor) adopt(ctx context.Context, rules step.DeployRules) (*step.Deployment, error) {
	given := journal.Contract{
		Deployment: step.Deployment{Contract: a.Set.Given, Given: true, Replay: rules.Replay || rules.OtherGenesis}, Genesis: a.id.Genesis,
	}
	view, _, err := a.Chain.LookForCode(ctx, a.Set.Given, a.Signer.Address())
	if err != nil {
		return nil, err
	}
	if _, use := step.NextDeploy(&given.Deployment, view, rules, a.Set.Limits, time.Now()).(step.Use); !use {
		return &given.Deployment, nil // it will be refused
	}
	sight, err := a.Chain.Look(ctx, a.Set.Given, a.Signer.Address(), nil)
	if err != nil {
		return nil, err
	}
	decide := func(view step.View) step.Step { return step.Next(step.Journal{}, view, a.Set.Limits, time.Now()) }
	next := a.confirmed(sight, decide(sight.View), func() (others []step.Step) {
		for _, other := range a.Chain.Witnesses(ctx, sight, a.Set.Given, a.Signer.Address(), nil) {
			others = append(others, decide(other.View))
		}
		return others
	})
	if err := faultOf(next); err != nil {
		return nil, err // another's, or used by another journal
	}
	if err := a.sure(ctx); err != nil {
		return nil, err
	}
	given.ID, err = a.Journal.AddContract(ctx, a.scope.Epoch, a.id.ChainID, given, nil)
	return &given.Deployment, err
}

func (a *Anchor) owner() common.Address {
	if a.Set.Owner == (common.Address{}) {
		return a.Signer.Address()
	}
	return a.Set.Owner
}

// deploy journals a deployment with its signed transaction, then sends it.
func (a *Anchor) deploy(ctx context.Context, s step.Deploy, sight chain.Sight) error {
	if !a.id.Development() && a.Set.Owner == (common.Address{}) {
		return fault.New(fault.Invalid, "ANCHOR_OWNER is not set: a contract needs an owner that can replace the anchorer's key")
	}
	if err := a.sure(ctx); err != nil {
		return err
	}
	deployer := a.Signer.Address()
	data := binding.DeployData(a.owner(), deployer)
	if err := a.Chain.Dry(ctx, sight, deployer, nil, deployGas, data); err != nil {
		return err // or each look would pay for another deploy that fails
	}
	first := fee.FirstWithin(sight.BaseFeeWei, sight.TipWei, a.Set.FeeCapWei, fee.Payable(sight.BalanceWei, deployGas))
	signed, err := a.sign(ctx, 0, s.Nonce, first, deployGas, nil, data)
	if err != nil {
		return err
	}
	contract := journal.Contract{
		Deployment: step.Deployment{Contract: crypto.CreateAddress(deployer, s.Nonce), Replay: s.Replay}, Genesis: a.id.Genesis,
	}
	if _, err := a.Journal.AddContract(ctx, a.scope.Epoch, a.id.ChainID, contract, &signed); err != nil {
		return err
	}
	crash.At("deployment journaled, not sent")
	a.Log.Info("deploying a contract", "contract", contract.Contract.Hex(), "chain_id", a.id.ChainID.String(), "tx_hash", signed.Hash.Hex())
	return a.send(ctx, signed.Hash, sight)
}
