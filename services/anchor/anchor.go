// Package anchor is the service that puts priced sales into Merkle batches and their roots on Ethereum.
package anchor

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor/internal/active"
	"github.com/tillseal/tillseal/services/anchor/internal/budget"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/intake"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/operate"
	"github.com/tillseal/tillseal/services/anchor/internal/signer"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/wait"
)

// Config is what the anchor reads from the environment.
type Config struct {
	Telemetry telemetry.Config
	Stream    stream.Config

	DBURL    config.Secret `env:"DB_URL,required,notEmpty" doc:"Postgres URL of the service's own role, such as postgres://anchor@127.0.0.1:5432/tillseal"`
	Provider config.Secret `env:"WEB3_PROVIDER,required,notEmpty" doc:"Ethereum JSON-RPC URLs, one or three, comma-separated; may hold API keys and are never shown"`

	Keystore             string        `env:"ANCHOR_KEYSTORE" doc:"keystore file (Web3 Secret Storage) with the anchorer's key, mode 0600"`
	KeystorePasswordFile string        `env:"ANCHOR_KEYSTORE_PASSWORD_FILE" doc:"file with the keystore's password, mode 0600"`
	SignerURL            config.Secret `env:"ANCHOR_SIGNER_URL" doc:"URL of an external signer that holds the key (eth_signTransaction as web3signer or geth answers it); never shown"`
	SignerAddress        string        `env:"ANCHOR_SIGNER_ADDRESS" doc:"which of the external signer's accounts; empty when it has one"`
	PrivateKey           config.Secret `env:"ANCHOR_PRIVATE_KEY" doc:"the anchorer's key in hex; refused unless the chain is a development one"`

	Owner    string `env:"ANCHOR_OWNER" doc:"address that owns a deployed contract and can replace the anchorer's key; needed to deploy, except on a development chain"`
	Contract string `env:"ANCHOR_CONTRACT" doc:"address of the SaleAnchor contract; empty for the one in the journal"`
	Deploy   bool   `env:"ANCHOR_DEPLOY" envDefault:"false" doc:"true to deploy a contract when there is none"`
	Replay   bool   `env:"ANCHOR_REPLAY" envDefault:"false" doc:"true to have a new deployment anchor all sales again, not only those that are not final at an earlier one"`

	Finality       string        `env:"ANCHOR_FINALITY" envDefault:"finalized" doc:"when a sale is announced as anchored: latest, safe or finalized"`
	BatchMax       int           `env:"ANCHOR_BATCH_MAX" envDefault:"4096" doc:"sales at which a batch is sealed at once, and the most it holds"`
	BatchAge       time.Duration `env:"ANCHOR_BATCH_AGE" envDefault:"0s" doc:"how long the oldest sale waits before its batch is sealed; 0s for 10m, or 30s on a development chain"`
	BatchAgeMax    time.Duration `env:"ANCHOR_BATCH_AGE_MAX" envDefault:"6h" doc:"how long it waits at most when ANCHOR_BUDGET_ETH_PER_DAY makes it wait longer"`
	BudgetPerDay   string        `env:"ANCHOR_BUDGET_ETH_PER_DAY" envDefault:"0" doc:"what anchoring may cost a day, in ETH: batches wait longer so that it holds, up to ANCHOR_BATCH_AGE_MAX; 0 for no budget"`
	PromiseWithin  time.Duration `env:"PROMISE_WITHIN" envDefault:"24h" doc:"how long after a record its batch stands in a block at the latest, as each promise says"`
	FeeCapGwei     uint64        `env:"ANCHOR_FEE_CAP_GWEI" envDefault:"100" doc:"the most to pay per unit of gas, in gwei, while no sale has waited long"`
	FeeCeilingGwei uint64        `env:"ANCHOR_FEE_CEILING_GWEI" envDefault:"0" doc:"the most ever to pay per unit of gas, in gwei; 0 for ANCHOR_FEE_CAP_GWEI"`
	FeeRiseAfter   time.Duration `env:"ANCHOR_FEE_RISE_AFTER" envDefault:"1h" doc:"how long after its batch was due the oldest unanchored sale makes the cap rise; after twice as long it reaches ANCHOR_FEE_CEILING_GWEI"`
	BumpAfter      time.Duration `env:"ANCHOR_BUMP_AFTER" envDefault:"90s" doc:"how long a transaction may stay unmined before its fee is raised"`
	Poll           time.Duration `env:"ANCHOR_POLL" envDefault:"2s" doc:"how often the chain is checked"`

	// Ready, when set, is called once: Postgres has answered, and operators' requests are answered.
	Ready func() `env:"-"`
}

const (
	signerRetry  = 2 * time.Second
	resendAfter  = 15 * time.Second // nodes' pools drop transactions, and sending one twice does no harm
	lacksMax     = 30 * time.Minute // of a chain that lacks final batches; a node that syncs for longer is of no use
	openMax      = 10_000           // not final: a day and more of blocks, each read from the journal at every check
	maxBatchMax  = 65_536           // its proofs are made in well under a second and 16 elements long
	minInterval  = 10 * time.Millisecond
	maxFeeCap    = 100_000 // gwei; beyond any fee ever paid
	maxBatchWait = 24 * time.Hour
	maxBumpAfter = 24 * time.Hour  // beyond that a fee is as good as never raised
	maxPoll      = 5 * time.Minute // a batch takes at least three checks of the chain
)

// Check names each variable that is wrong.
func (c Config) Check() error {
	var errs []error
	wrong := func(bad bool, text string) {
		if bad {
			errs = append(errs, errors.New(text))
		}
	}
	wrongAddress := func(variable, text string) {
		wrong(text != "" && !common.IsHexAddress(text), variable+" is not an address")
		wrong(common.IsHexAddress(text) && !checksumHolds(text), variable+" is mistyped: its checksum (EIP-55) is wrong")
	}
	errs = append(errs, config.CheckPostgresURL("DB_URL", c.DBURL), config.CheckURLs("WEB3_PROVIDER", c.Provider, "https://eth.example/key", "http", "https"))
	if c.SignerURL != "" {
		errs = append(errs, config.CheckURL("ANCHOR_SIGNER_URL", c.SignerURL, "http://127.0.0.1:9000", "http", "https"))
	}
	keys := 0
	for _, set := range []bool{c.Keystore != "", c.SignerURL != "", c.PrivateKey != ""} {
		if set {
			keys++
		}
	}
	wrong(keys == 0, "ANCHOR_KEYSTORE is not set (nor ANCHOR_SIGNER_URL or, on a development chain, ANCHOR_PRIVATE_KEY)")
	wrong(keys > 1, "more than one of ANCHOR_KEYSTORE, ANCHOR_SIGNER_URL and ANCHOR_PRIVATE_KEY is set")
	wrongAddress("ANCHOR_SIGNER_ADDRESS", c.SignerAddress)
	wrong(c.FeeCeilingGwei > maxFeeCap, "ANCHOR_FEE_CEILING_GWEI must be at most 100000")
	wrong(c.FeeCeilingGwei != 0 && c.FeeCeilingGwei < c.FeeCapGwei, "ANCHOR_FEE_CEILING_GWEI must be 0, or at least ANCHOR_FEE_CAP_GWEI")
	wrong(c.FeeRiseAfter < minInterval, "ANCHOR_FEE_RISE_AFTER must be at least 10ms")
	wrong(c.Keystore != "" && c.KeystorePasswordFile == "", "ANCHOR_KEYSTORE_PASSWORD_FILE is not set")
	if c.Keystore != "" {
		errs = append(errs, config.CheckSecretFile("ANCHOR_KEYSTORE", c.Keystore))
	}
	if c.KeystorePasswordFile != "" {
		errs = append(errs, config.CheckSecretFile("ANCHOR_KEYSTORE_PASSWORD_FILE", c.KeystorePasswordFile))
	}
	wrongAddress("ANCHOR_OWNER", c.Owner)
	wrongAddress("ANCHOR_CONTRACT", c.Contract)
	wrong(c.Finality != "latest" && c.Finality != "safe" && c.Finality != "finalized", "ANCHOR_FINALITY is not one of latest, safe, finalized")
	wrong(c.BatchMax < 1 || c.BatchMax > min(maxBatchMax, merkle.MaxLeaves), "ANCHOR_BATCH_MAX must be between 1 and 65536")
	wrong(c.BatchAge != 0 && (c.BatchAge < minInterval || c.BatchAge > maxBatchWait), "ANCHOR_BATCH_AGE must be 0s or between 10ms and 24h")
	wrong(c.BatchAgeMax < max(c.BatchAge, minInterval) || c.BatchAgeMax > maxBatchWait, "ANCHOR_BATCH_AGE_MAX must be between ANCHOR_BATCH_AGE and 24h")
	wrong(c.BatchAgeMax >= c.PromiseWithin,
		"ANCHOR_BATCH_AGE_MAX must be less than PROMISE_WITHIN: lower it, or raise PROMISE_WITHIN for gateway, ledger and anchor alike")
	_, err := weiOf(c.BudgetPerDay)
	wrong(err != nil, "ANCHOR_BUDGET_ETH_PER_DAY must be an amount of ETH such as 0.05, with at most 18 fraction digits, or 0")
	wrong(c.FeeCapGwei < 1 || c.FeeCapGwei > maxFeeCap, "ANCHOR_FEE_CAP_GWEI must be between 1 and 100000")
	wrong(c.BumpAfter < minInterval || c.BumpAfter > maxBumpAfter, "ANCHOR_BUMP_AFTER must be between 10ms and 24h")
	wrong(c.Poll < minInterval || c.Poll > maxPoll, "ANCHOR_POLL must be between 10ms and 5m")
	return errors.Join(append(errs, promise.CheckWithin("PROMISE_WITHIN", c.PromiseWithin), c.Telemetry.Check(), c.Stream.Check())...)
}

// Run anchors sales until ctx ends; its error is nil then, or ctx's when something was still waited for. Any number of replicas may run:
// each takes sales in, one acts on the chain. A wrong Config is an Invalid fault that names the variable; a lost dependency is waited for.
// A Fatal fault means that going on would do harm and that a person must decide.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	tel, err := telemetry.Start(ctx, "anchor", cfg.Telemetry)
	if err != nil {
		return err
	}
	defer tel.Close()
	metrics := active.NewMetrics(tel.Metrics) // before waiting for anything
	key, err := cfg.localKey()
	if err != nil {
		return err
	}
	journal, err := journal.Open(ctx, cfg.DBURL)
	if err != nil {
		return err
	}
	defer journal.Close()
	client, err := chain.New(ctx, cfg.Provider, tel.Log)
	if err != nil {
		return err
	}
	defer client.Close()
	bus, err := stream.Connect("anchor", cfg.Stream, tel.Log)
	if err != nil {
		return err
	}
	defer bus.Close()
	tel.Metrics.MustRegister(bus)

	actor := active.New(active.Parts{
		Journal: journal, Chain: client, Signer: key, Bus: bus, Log: tel.Log, Metrics: metrics, Set: cfg.settings(),
	})
	group, ctx := errgroup.WithContext(ctx)
	desk := operate.Desk{Journal: journal, Chain: client, Bus: bus, Log: tel.Log, Finality: cfg.Finality, Status: actor.Status}
	stop, err := bus.Serve(ctx, "Anchors batches of sales on Ethereum", desk.Endpoints()...)
	if err != nil {
		return err
	}
	defer stop()
	group.Go(func() error { return actor.Watch(ctx) })
	group.Go(func() error {
		if actor.Signer == nil { // meanwhile intake goes on: sales are journaled while the signer is unavailable
			external, err := cfg.externalSigner(ctx, tel.Log)
			if err != nil {
				return err
			}
			defer external.Close()
			actor.Signer = external
		}
		return actor.Run(ctx)
	})
	taking := intake.New(journal, tel.Log, tel.Metrics)
	group.Go(func() error {
		if err := bus.Ensure(ctx); err != nil {
			return err
		}
		return bus.Consume(ctx, stream.DurableAnchor, intake.MaxBatch, taking.Handle)
	})
	group.Go(func() error {
		if err := journal.Await(ctx, tel.Log); err != nil {
			return err
		}
		if cfg.Ready != nil {
			cfg.Ready()
		}
		return nil
	})
	return group.Wait()
}

// localKey opens the anchorer's key; nil when an external signer holds it.
func (c Config) localKey() (active.Signer, error) {
	switch {
	case c.Keystore != "":
		return signer.FromKeystore(c.Keystore, c.KeystorePasswordFile)
	case c.PrivateKey != "":
		return signer.FromPrivateKey(c.PrivateKey)
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// externalSigner waits for the signer to answer. If ctx ends before, it returns ctx's error.
func (c Config) externalSigner(ctx context.Context, log *slog.Logger) (*signer.External, error) {
	for {
		external, err := signer.Dial(ctx, c.SignerURL, address(c.SignerAddress))
		if !fault.Is(err, fault.Transient) {
			return external, err
		}
		log.Warn("waiting for the signer at ANCHOR_SIGNER_URL", "error", err)
		if !wait.Pause(ctx, signerRetry) {
			return nil, ctx.Err()
		}
	}
}

// checksumHolds reports whether the capitals of an address are those of EIP-55. One in lower or upper case alone has no checksum.
func checksumHolds(address string) bool {
	digits := address[len(address)-2*common.AddressLength:]
	if digits == strings.ToLower(digits) || digits == strings.ToUpper(digits) {
		return true
	}
	return digits == common.HexToAddress(address).Hex()[2:]
}

// address reads an address that Check has passed; "" is the zero address.
func address(text string) common.Address {
	if text == "" {
		return common.Address{}
	}
	return common.HexToAddress(text)
}

// weiOf reads an amount of ETH; "" is 0.
func weiOf(eth string) (*big.Int, error) {
	if eth == "" {
		return new(big.Int), nil
	}
	if !ether.MatchString(eth) {
		return nil, errors.New("not an amount of ETH")
	}
	whole, fraction, _ := strings.Cut(eth, ".")
	wei, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", etherDigits-len(fraction)), 10)
	return wei, nil
}

const etherDigits = 18 // after the point of an amount of ETH: the last one is a wei

var ether = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.[0-9]{1,18})?$`)

func (c Config) settings() active.Settings {
	budgetWei, _ := weiOf(c.BudgetPerDay) // checked
	return active.Settings{
		Budget: budget.Settings{Age: c.BatchAge, AgeMax: c.BatchAgeMax, DayWei: budgetWei},
		Limits: step.Limits{
			BatchMax: c.BatchMax, BumpAfter: c.BumpAfter, ResendAfter: resendAfter, LacksMax: lacksMax, OpenMax: openMax,
		},
		Rules:    step.DeployRules{MayDeploy: c.Deploy, Replay: c.Replay},
		Finality: c.Finality, Poll: c.Poll, PeakPerSecond: c.Stream.PeakSalesPerSecond, PromiseWithin: c.PromiseWithin, PlainKey: c.PrivateKey != "",
		FeeCapWei: active.GweiToWei(c.FeeCapGwei), FeeHardWei: active.GweiToWei(max(c.FeeCapGwei, c.FeeCeilingGwei)), FeeRiseAfter: c.FeeRiseAfter,
		Given: address(c.Contract), Owner: address(c.Owner),
	}
}
