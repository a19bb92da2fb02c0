package active

import (
	"context"
	"slices"
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
	"github.com/tillseal/tillseal/shared/wait"
)

// findContract finds, checks or deploys the contract: it checks and acts until there is one to use.
func (t *tenure) findContract(ctx context.Context) error {
	for {
		done, err := t.contractStep(ctx)
		if err := t.persist(ctx, err); err != nil {
			return err
		}
		if done {
			return nil
		}
		if !wait.Pause(ctx, t.anchor.Set.Poll) {
			return ctx.Err()
		}
	}
}

// contractStep asks the nodes again which chain they are on, then checks and acts once.
func (t *tenure) contractStep(ctx context.Context) (done bool, err error) {
	if err := t.identify(ctx); err != nil {
		return false, err
	}
	done, err = t.contractOn(ctx)
	return done, t.anchor.excused(err)
}

func (t *tenure) contractOn(ctx context.Context) (done bool, err error) {
	rules := t.anchor.Set.Rules
	rules.Development = t.id.Development()
	if t.anchor.Set.PlainKey && !rules.Development {
		return false, fault.New(fault.Invalid, "ANCHOR_PRIVATE_KEY is refused on chain %s: it is for development chains; use ANCHOR_KEYSTORE", t.id.ChainID)
	}
	all, now, err := t.anchor.Journal.Contracts(ctx, t.id.ChainID)
	if err != nil {
		return false, err
	}
	if err := t.checkRate(ctx, len(all) == 0); err != nil {
		return false, err
	}
	if err := t.checkPromise(ctx, len(all) == 0); err != nil {
		return false, err
	}
	d, err := t.choose(ctx, all, &rules)
	if err != nil {
		return false, err
	}
	next, sight, err := t.nextDeploy(ctx, d, rules, now)
	if err != nil {
		return false, err
	}
	switch s := next.(type) {
	case step.Use:
		t.contract, t.deployment = d.Contract, *d
		t.scope.Deployment, t.scope.Replay = d.ID, d.Replay
		t.anchor.Log.Info("anchoring at a contract", "contract", d.Contract.Hex(), "chain_id", t.id.ChainID.String(), "deployment", d.ID)
		t.anchor.remind(*d, rules)
		return true, t.noteDeployed(ctx)
	case step.Deploy:
		return false, t.deploy(ctx, s, sight)
	case step.Sign:
		t.scope.Deployment = d.ID // its deploy transaction is journaled under it
		_, err := t.signAndSend(ctx, s, sight, nil, binding.DeployData(t.anchor.owner(), t.anchor.Signer.Address()))
		return false, err
	case step.Send:
		return false, t.send(ctx, s.Attempt.Hash, sight)
	case step.Doubt, step.Halt:
		return false, faultOf(s)
	}
	return false, nil
}

// nextDeploy reads the chain at the deployment's address, if there is a deployment, and decides the next step as far as enough nodes
// confirm it.
func (t *tenure) nextDeploy(ctx context.Context, d *step.Deployment, rules step.DeployRules, now time.Time) (step.Step, chain.Sight, error) {
	var address common.Address
	var attempts []step.Attempt
	if d != nil {
		address, attempts = d.Contract, d.Attempts
	}
	sender := t.anchor.Signer.Address()
	view, sight, err := t.anchor.Chain.LookForCode(ctx, address, sender, attempts...)
	if err != nil {
		return nil, chain.Sight{}, err
	}
	t.sent.remember(attempts, now)
	decide := func(view step.DeployView) step.Step { return step.NextDeploy(d, view, rules, t.anchor.Set.Limits, now) }
	next := t.anchor.confirmed(sight, decide(view), func() (others []step.Step) {
		for _, other := range t.anchor.Chain.WitnessesForCode(ctx, sight, address, sender, attempts...) {
			others = append(others, decide(other))
		}
		return others
	})
	return next, sight, nil
}

// remind warns of variables that do nothing, or allow more than is needed, now that there is a contract.
func (a *Anchor) remind(d step.Deployment, rules step.DeployRules) {
	if rules.Replay && !d.Replay {
		a.Log.Warn("ANCHOR_REPLAY=true changes nothing here: this deployment began without it, and only a new deployment takes all sales again",
			"deployment", d.ID)
	}
	if rules.MayDeploy && !rules.Development {
		a.Log.Warn("ANCHOR_DEPLOY=true is still set: there is a contract, so set it to false; deploying should be a deliberate decision")
	}
}

// choose picks the journal's deployment for this chain: the one at ANCHOR_CONTRACT, journaled when it is new to us, or the newest.
func (t *tenure) choose(ctx context.Context, all []journal.Contract, rules *step.DeployRules) (*step.Deployment, error) {
	retired := len(all)
	all = slices.DeleteFunc(all, func(c journal.Contract) bool { return c.Retired })
	retired -= len(all)
	here := false
	for i := range all {
		if all[i].Genesis != t.id.Genesis {
			continue
		}
		here = true
		if t.anchor.Set.Given == (common.Address{}) || all[i].Contract == t.anchor.Set.Given {
			return &all[i].Deployment, nil
		}
	}
	rules.OtherGenesis = len(all) > 0 && !here
	rules.Replay = rules.Replay || len(all) == 0 && retired > 0 // what was anchored there, nothing proves any more
	if t.anchor.Set.Given == (common.Address{}) {
		return nil, nil //nolint:nilnil // none is an answer: step.NextDeploy decides what follows
	}
	return t.adopt(ctx, *rules)
}

// adopt journals the contract at ANCHOR_CONTRACT as a deployment, if this anchor can use it. One that it can't use must not become the
// journal's newest.
func (t *tenure) adopt(ctx context.Context, rules step.DeployRules) (*step.Deployment, error) {
	given := journal.Contract{
		Deployment: step.Deployment{Contract: t.anchor.Set.Given, Given: true, Replay: rules.Replay || rules.OtherGenesis}, Genesis: t.id.Genesis,
	}
	view, _, err := t.anchor.Chain.LookForCode(ctx, t.anchor.Set.Given, t.anchor.Signer.Address())
	if err != nil {
		return nil, err
	}
	if _, use := step.NextDeploy(&given.Deployment, view, rules, t.anchor.Set.Limits, time.Now()).(step.Use); !use {
		return &given.Deployment, nil // it will be refused
	}
	sight, err := t.anchor.Chain.Look(ctx, t.anchor.Set.Given, t.anchor.Signer.Address(), step.Journal{})
	if err != nil {
		return nil, err
	}
	decide := func(view step.View) step.Step {
		return step.Next(step.Journal{}, view, t.anchor.Set.Limits, time.Now())
	}
	next := t.anchor.confirmed(sight, decide(sight.View), func() (others []step.Step) {
		for _, other := range t.anchor.Chain.Witnesses(ctx, sight, t.anchor.Set.Given, t.anchor.Signer.Address(), step.Journal{}) {
			others = append(others, decide(other.View))
		}
		return others
	})
	if err := faultOf(next); err != nil {
		return nil, err // it names another anchorer, or another journal has used it, or so it seems
	}
	if err := t.sure(ctx); err != nil {
		return nil, err
	}
	// It has no batch yet, so it has no event of one up to what is final now.
	given.ID, err = t.anchor.Journal.AddContract(ctx, t.scope.Epoch, t.id.ChainID, given, nil, sight.Finalized)
	return &given.Deployment, err
}

func (a *Anchor) owner() common.Address {
	if a.Set.Owner == (common.Address{}) {
		return a.Signer.Address()
	}
	return a.Set.Owner
}

// deploy journals a deployment with its signed transaction, then sends it.
func (t *tenure) deploy(ctx context.Context, s step.Deploy, sight chain.Sight) error {
	if !t.id.Development() && t.anchor.Set.Owner == (common.Address{}) {
		return fault.New(fault.Invalid, "ANCHOR_OWNER is not set: a contract needs an owner that can replace the anchorer's key")
	}
	if err := t.sure(ctx); err != nil {
		return err
	}
	deployer := t.anchor.Signer.Address()
	data := binding.DeployData(t.anchor.owner(), deployer)
	if err := t.anchor.Chain.Dry(ctx, sight, deployer, nil, deployGas, data); err != nil {
		return err // or each check would pay for another deploy that fails
	}
	first := fee.FirstWithin(sight.BaseFeeWei, sight.TipWei, t.anchor.Set.FeeCapWei, fee.Payable(sight.BalanceWei, deployGas))
	signed, err := t.sign(ctx, 0, s.Nonce, first, deployGas, nil, data)
	if err != nil {
		return err
	}
	contract := journal.Contract{
		Deployment: step.Deployment{Contract: crypto.CreateAddress(deployer, s.Nonce), Replay: s.Replay}, Genesis: t.id.Genesis,
	}
	if _, err := t.anchor.Journal.AddContract(ctx, t.scope.Epoch, t.id.ChainID, contract, &signed, 0); err != nil {
		return err
	}
	crash.At("deployment journaled, not sent")
	t.anchor.Log.Info("deploying a contract", "contract", contract.Contract.Hex(), "chain_id", t.id.ChainID.String(), "tx_hash", signed.Hash.Hex())
	return t.send(ctx, signed.Hash, sight)
}
