package composetest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/devchain"
	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/infra/tools/internal/export"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/infra/tools/internal/migrate"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// program is one that the Dockerfile builds.
type program struct {
	path      string
	variables []config.Variable
	load      func(environ []string) error
}

func of[C any](path string) program {
	return program{path: path, variables: config.Variables[C](), load: func(environ []string) error { _, err := config.Load[C](environ); return err }}
}

var programs = map[string]program{
	"gateway": of[gateway.Config]("services/gateway/cmd/gateway"),
	"pricing": of[pricing.Config]("services/pricing/cmd/pricing"),
	"anchor":  of[anchor.Config]("services/anchor/cmd/anchor"),
	"ledger":  of[ledger.Config]("services/ledger/cmd/ledger"),
	"migrate": of[migrate.Config]("infra/tools/cmd/migrate"),
	"chain":   of[devchain.Config]("infra/tools/cmd/chain"),

	"identities": of[identity.Config]("infra/tools/cmd/identities"),
	"copies":     of[copies.Config]("infra/tools/cmd/copies"),
	"verify":     of[verify.Config]("infra/tools/cmd/verify"),
}

// order is that of the table in infra/docs/CONFIGURATION.md; dev is make run, and no image has it or tillseal.
var order = []string{"gateway", "pricing", "anchor", "ledger", "migrate", "identities", "copies", "chain", "verify", "tillseal", "dev"}

// composeOnly are the variables that docker-compose.yml alone reads.
var composeOnly = []string{"DB_PASSWORD_SUPERUSER", "DB_PASSWORD_ADMIN", "REDIS_PASSWORD", "GATEWAY_PORT", "CHAIN_RPC_PORT", "NETWORK_SUBNET"}

func all() map[string][]config.Variable {
	known := map[string][]config.Variable{"dev": config.Variables[engine.Config](), "tillseal": config.Variables[export.Config]()}
	for name, p := range programs {
		known[name] = p.variables
	}
	return known
}

var documented = regexp.MustCompile(`(?m)^(# )?([A-Z][A-Z0-9_]*)=(.*)$`)

func TestTheExampleDocumentsExactlyWhatIsRead(t *testing.T) {
	defaults := map[string][]string{}
	for _, variables := range all() {
		for _, v := range variables {
			defaults[v.Name] = append(defaults[v.Name], v.Default)
		}
	}
	for _, name := range composeOnly {
		defaults[name] = nil
	}
	text := read(t, ".env.example")
	documentedAlready := map[string]bool{}
	for _, line := range documented.FindAllStringSubmatch(text, -1) {
		commented, name, value := line[1] != "", line[2], line[3]
		require.Contains(t, defaults, name, "nothing reads it")
		require.False(t, documentedAlready[name], "%s is given twice", name)
		documentedAlready[name] = true
		if with := slices.DeleteFunc(slices.Clone(defaults[name]), func(d string) bool { return d == "" }); commented && len(with) > 0 {
			require.Contains(t, with, value, "the default of %s", name)
		}
	}
	for name := range defaults {
		require.True(t, documentedAlready[name], "%s is not documented", name)
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if documented.MatchString(line) {
			require.Regexp(t, `^(# |)[A-Z#]`, lines[i-1], "%s needs a comment above it that says what it is for", line)
		}
	}
}

// described are the variables that have a section of the page, by its fragment.
var described = map[string]string{"LOYALTY_RULES": "the-loyalty-rules", "RECEIPT_SHOP_FILE": "what-receipts-say-of-the-shop"}

// table is what infra/docs/CONFIGURATION.md has about the settings, made of the programs' own words.
func table() string {
	type row struct {
		config.Variable
		readers []string
	}
	var rows []*row
	find := map[string]*row{}
	for _, reader := range order {
		for _, v := range all()[reader] {
			key := v.Name + "\x00" + v.Default // make run has other ports by default
			if reader != "dev" && find[v.Name] != nil {
				key = v.Name
			}
			r := find[key]
			if r == nil {
				r = &row{Variable: v}
				find[key], find[v.Name] = r, r
				rows = append(rows, r)
			}
			r.readers = append(r.readers, reader)
		}
	}
	var b strings.Builder
	b.WriteString("| variable | default | meaning | read by |\n|---|---|---|---|\n")
	for _, r := range rows {
		value := "`" + r.Default + "`"
		switch {
		case r.Required:
			value = "required"
		case r.Default == "":
			value = ""
		}
		name := "`" + r.Name + "`"
		if section := described[r.Name]; section != "" {
			name = "[" + name + "](#" + section + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, value, r.Doc, strings.Join(r.readers, ", "))
	}
	return b.String()
}

func TestTheConfigurationPageHasEverySetting(t *testing.T) {
	if !strings.Contains(read(t, "infra/docs/CONFIGURATION.md"), table()) {
		t.Fatalf("infra/docs/CONFIGURATION.md should have this table:\n\n%s", table())
	}
}

// Values that are wrong for every variable that is read as anything but text. What may hold a secret must not be shown.
const nonsense, secret = "\x01nonsense", "\x01hunter2"

var secrets = []string{
	"DB_URL", "DB_ADMIN_URL", "REDIS_URL", "NATS_URL", "WEB3_PROVIDER", "PUBLIC_RPC_URL", "ANCHOR_SIGNER_URL", "ANCHOR_PRIVATE_KEY", "RATE_FEEDS",
	"RATE_FEED_KEY_FILES",
}

// anyText are the variables for which any text is valid as far as a start can check, and those that are checked later than that.
var anyText = []string{
	"NATS_NKEY_FILE", "ANCHOR_KEYSTORE", "ANCHOR_KEYSTORE_PASSWORD_FILE", "ANCHOR_PRIVATE_KEY", "DB_PASSWORD_GATEWAY", "DB_PASSWORD_ANCHOR",
	"DB_PASSWORD_LEDGER", "DB_PASSWORD_AUDITOR", "NKEYS_DIR", "CHAIN_DIR", "CHAIN_HOST", "CHAIN_NAMES", "RUN_DIR",
}

func TestEveryWrongVariableIsNamedAtOnceAndNoSecretShown(t *testing.T) {
	programs := maps.Clone(programs)
	programs["dev"] = of[engine.Config]("infra/tools/cmd/dev")
	programs["tillseal"] = of[export.Config]("infra/tools/cmd/tillseal")
	delete(programs, "verify") // whose flags come before its variables: it checks only what it uses
	for name, p := range programs {
		var environ []string
		for _, v := range p.variables {
			value := nonsense
			if slices.Contains(secrets, v.Name) {
				value = secret
			}
			environ = append(environ, v.Name+"="+value)
		}
		err := p.load(environ)
		for _, v := range p.variables {
			if !slices.Contains(anyText, v.Name) {
				assert.ErrorContains(t, err, v.Name, name)
			}
		}
		if err != nil {
			require.NotContains(t, err.Error(), "hunter2", name)
			require.True(t, fault.Is(err, fault.Invalid), name)
		}
	}
}
