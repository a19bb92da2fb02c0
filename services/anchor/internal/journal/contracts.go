package journal

import (
	"context"
	"errors"
	"math/big"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Contract is a deployment as the journal has it, with the chain that it is on.
type Contract struct {
	step.Deployment
	Genesis common.Hash
	Retired bool // of an earlier build, whose contract keeps no log: nothing is anchored there any more
}

// Contracts lists the deployments on a chain id, newest first, each with the attempts of its deploy transaction, and returns the time
// by the journal's clock.
func (j *Journal) Contracts(ctx context.Context, chainID *big.Int) (all []Contract, now time.Time, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	err = j.inTx(ctx, "read the deployments", func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, nowSQL).Scan(&now); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, deploymentsSQL, pgx.NamedArgs{"chain_id": amount(chainID)})
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Contract, err error) {
			var genesis, contract, deployer []byte
			var nonce string
			if err = row.Scan(&c.ID, &genesis, &contract, &c.Retired, &c.Given, &c.Replay, &deployer, &nonce, &c.Used, &c.Final); err != nil {
				return c, err
			}
			c.Genesis, c.Contract = common.BytesToHash(genesis), common.BytesToAddress(contract)
			c.Deployer = common.BytesToAddress(deployer)
			c.Nonce, err = strconv.ParseUint(nonce, 10, 64)
			return c, err
		})
		for i := range all {
			if err != nil {
				break
			}
			var byBatch map[uint64][]step.Attempt
			byBatch, err = readAttempts(ctx, tx, all[i].ID, []int64{0})
			all[i].Attempts = byBatch[0]
		}
		return err
	})
	return all, now, err
}

// Chains lists the chains that there are deployments on.
func (j *Journal) Chains(ctx context.Context) (all []chain.Identity, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	rows, err := j.pool.Query(ctx, chainsSQL)
	if err == nil {
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (id chain.Identity, err error) {
			var chainID string
			var genesis []byte
			if err = row.Scan(&chainID, &genesis); err != nil {
				return id, err
			}
			var ok bool
			if id.ChainID, ok = new(big.Int).SetString(chainID, 10); !ok {
				return id, fault.New(fault.Fatal, "a deployment's chain id is %q and must be a number", chainID)
			}
			id.Genesis = common.BytesToHash(genesis)
			return id, nil
		})
	}
	return all, postgres.Fault("read the chains of the deployments", err)
}

// AddContract journals a new deployment, with its signed deploy transaction or, for one that the operator gave, the block up to which it
// has no events.
func (j *Journal) AddContract(ctx context.Context, epoch int64, chainID *big.Int, c Contract, deploy *Signed, without uint64) (id int64, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	args := pgx.NamedArgs{
		"chain_id": amount(chainID), "genesis_hash": c.Genesis.Bytes(), "contract": c.Contract.Bytes(), "replay": c.Replay, "epoch": epoch,
		"deployer": nil, "nonce": nil,
	}
	if deploy != nil {
		args["deployer"], args["nonce"] = deploy.Sender.Bytes(), strconv.FormatUint(deploy.Nonce, 10)
	}
	err = j.inTx(ctx, "journal a deployment", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, insertDeploymentSQL, args).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.Conflict, "the lease has changed hands")
		}
		switch {
		case err != nil:
		case deploy != nil:
			_, err = keepAttempt(ctx, tx, Scope{Deployment: id, Epoch: epoch}, *deploy)
		default:
			err = setDeployedBlock(ctx, tx, epoch, id, without)
		}
		return err
	})
	return id, err
}
