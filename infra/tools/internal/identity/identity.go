// Package identity makes and keeps the nkeys that everybody logs in to NATS with; what each may do is in infra/nats/nats.conf.
package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/tillseal/tillseal/infra/tools/internal/repofile"
	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/promise"
)

// Names of the identities. Copier makes the copies that Downstream reads; Sys inspects the server itself.
const (
	Gateway    = "gateway"
	Pricing    = "pricing"
	Anchor     = "anchor"
	Ledger     = "ledger"
	Operator   = "operator"
	Downstream = "downstream"
	Copier     = "copier"
	Sys        = "sys"
)

// Names are all identities.
var Names = []string{Gateway, Pricing, Anchor, Ledger, Operator, Downstream, Copier, Sys}

const (
	privateDir  = 0o700
	privateFile = 0o600
	publicFile  = 0o644
	maxSeedSize = 4 << 10
)

// Config is what cmd/identities reads from the environment.
type Config struct {
	Dir string `env:"NKEYS_DIR,required,notEmpty" doc:"directory that gets <name>/seed of each identity and gateway/promise.pem, for their holders alone, and public/nkeys.env with the public halves"`
}

// Check names the variable that is wrong.
func (c Config) Check() error {
	if c.Dir == "" {
		return errors.New("NKEYS_DIR is not set")
	}
	return nil
}

// promiseKey is the gateway's key that signs promises, beside its seed.
const promiseKey = "promise.pem"

// Run makes the identities that are missing and the gateway's key that signs promises, writes the public halves as NKEY_<NAME>=… and, beside
// the seeds of those who use the nats command, a context for it, and returns; run again it changes nothing.
func Run(_ context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	keys, err := Keep(func(name string) string { return filepath.Join(cfg.Dir, name, "seed") })
	if err != nil {
		return err
	}
	if _, err := promise.KeepKey(filepath.Join(cfg.Dir, Gateway, promiseKey)); err != nil {
		return fault.New(fault.Invalid, "NKEYS_DIR: %w", err)
	}
	for _, name := range []string{Operator, Downstream} {
		content, err := Context(name, "", "")
		if err == nil {
			err = durable.WriteFile(filepath.Join(cfg.Dir, name, "nats.json"), content, privateFile)
		}
		if err != nil {
			return fault.New(fault.Invalid, "NKEYS_DIR: %w", err)
		}
	}
	var env strings.Builder
	for _, name := range Names {
		fmt.Fprintf(&env, "%s=%s\n", Variable(name), keys[name])
	}
	public := filepath.Join(cfg.Dir, "public")
	if err := os.MkdirAll(public, privateDir|0o055); err != nil {
		return fault.New(fault.Invalid, "NKEYS_DIR: %w", err)
	}
	return durable.WriteFile(filepath.Join(public, "nkeys.env"), []byte(env.String()), publicFile)
}

// Keys are the public halves by name.
type Keys map[string]string

// Variable is the name under which nats.conf expects an identity's public half.
func Variable(name string) string { return "NKEY_" + strings.ToUpper(name) }

// InboxPrefix is where an identity receives answers, and nobody else does.
func InboxPrefix(name string) string { return nats.InboxPrefix + name }

// Context is a context file of the nats command for an identity: NATS_CONTEXT is its name or its path. The command has no variable for
// the prefix of its inboxes, and under its own default prefix it would receive nothing.
func Context(name, url, seedFile string) ([]byte, error) {
	content, err := json.MarshalIndent(struct {
		Description string `json:"description"`
		URL         string `json:"url,omitempty"`
		NKey        string `json:"nkey,omitempty"`
		InboxPrefix string `json:"inbox_prefix"`
	}{"Tillseal, as " + name, url, seedFile, InboxPrefix(name)}, "", "  ")
	return append(content, '\n'), err
}

// Keep reads every identity's seed from the file that seedFile names, and makes those that are missing, readable to this user alone.
// A file that holds something else is Invalid and stays as it is.
func Keep(seedFile func(name string) string) (Keys, error) {
	keys := make(Keys, len(Names))
	for _, name := range Names {
		path := seedFile(name)
		public, err := read(path)
		if errors.Is(err, fs.ErrNotExist) {
			public, err = create(path)
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "identity %s in %s: %w", name, path, err)
		}
		keys[name] = public
	}
	return keys, nil
}

func read(path string) (public string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxSeedSize {
		return "", errors.New("it is not an nkey seed")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	pair, err := nkeys.ParseDecoratedUserNKey(content)
	if err != nil {
		return "", errors.New("it is not an nkey seed of a user: restore it, or remove it for a new one") // the cause may quote it
	}
	defer pair.Wipe()
	return pair.PublicKey()
}

func create(path string) (public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
		return "", err
	}
	if err := durable.WriteFile(path, append(seed, '\n'), privateFile); err != nil {
		return "", err
	}
	return pair.PublicKey()
}

// ServerConf is infra/nats/nats.conf with the identities' public halves, as text for a server inside this process.
func ServerConf(keys Keys) (string, error) {
	text, err := repofile.Read("infra/nats/nats.conf")
	if err != nil {
		return "", err
	}
	var conf strings.Builder
	for _, name := range Names {
		if keys[name] == "" {
			return "", fault.New(fault.Invalid, "%s is missing", Variable(name))
		}
		fmt.Fprintf(&conf, "%s: %q\n", Variable(name), keys[name])
	}
	conf.Write(text)
	return conf.String(), nil
}
