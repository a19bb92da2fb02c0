package engine

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/infra/tools/internal/migrate"
	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/schema"
)

// secrets are made once for a RUN_DIR and kept there, readable only by its owner.
type secrets struct {
	AnchorKey string            `json:"anchor_private_key"` // hex; worth nothing outside this development chain
	Roles     map[string]string `json:"database_passwords"`
}

func (c Config) secrets() (secrets, error) {
	path := c.path("secrets.json")
	var s secrets
	content, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(content, &s); err != nil {
			return s, fmt.Errorf("%s is damaged; without it the data can't be opened, so either restore it or remove the whole directory", path)
		}
		return s, s.complete(path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("read the passwords: %w", err)
	}
	key, err := crypto.GenerateKey()
	if err != nil {
		return s, fmt.Errorf("make the anchorer's key: %w", err)
	}
	s = secrets{AnchorKey: hex.EncodeToString(crypto.FromECDSA(key)), Roles: make(map[string]string)}
	return s, s.complete(path)
}

// complete makes the passwords of roles that have none and stores them.
func (s secrets) complete(path string) error {
	made := false
	for _, role := range append([]string{migrate.Owner}, schema.Roles...) {
		if s.Roles[role] == "" {
			s.Roles[role], made = rand.Text(), true
		}
	}
	if !made {
		return nil
	}
	content, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, content, privateFile)
}

// seedFile is where an identity's seed for NATS is kept.
func (c Config) seedFile(name string) string { return c.path("nkeys/" + name + ".nk") }

// promiseKey is where the key that signs promises is kept.
func (c Config) promiseKey() string { return c.path("promise.pem") }

// serverConf makes the identities at the first start, and returns the configuration of a NATS that knows them.
func (c Config) serverConf() (string, error) {
	keys, err := identity.Keep(c.seedFile)
	if err != nil {
		return "", err
	}
	return identity.ServerConf(keys)
}

func (s secrets) anchorer() (common.Address, error) {
	key, err := crypto.HexToECDSA(s.AnchorKey)
	if err != nil {
		return common.Address{}, errors.New("the anchorer's key in secrets.json is damaged")
	}
	return crypto.PubkeyToAddress(key.PublicKey), nil
}
