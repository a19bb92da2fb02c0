package tidy

// House is what holds in this repository.
var House = Rules{
	MaxLine: 160, MaxFile: 350,
	LongFiles: map[string]string{},
	InlineSQL: map[string]Allowed{
		"shared/testkit/database.go":            {4, "the name of a database can't be a parameter, and each test has its own database"},
		"infra/tools/internal/engine/engine.go": {1, "the name of a database can't be a parameter"},
		"infra/tools/internal/bench/rig.go":     {1, "the name of a database can't be a parameter"},
	},
	Read: map[string]string{
		".github/workflows":        "GitHub runs whatever lies there",
		"shared/schema/migrations": "goose runs whatever lies there, in the order of the numbers",
		"infra/nats/streams":       "make generate writes what the code describes there, and a test compares",
		"infra/nats/consumers":     "make generate writes what the code describes there, and a test compares",

		"services/gateway/web/locale": "build.mjs puts all of it into the page: another language is another file",
	},
	Known: map[string]string{
		"Makefile": "make", ".gas-snapshot": "forge snapshot", ".npmrc": "npm", ".solhint.json": "solhint", "*.t.sol": "forge test",
		"*.test.mjs": "node --test", "*.test.ts": "node --test", "*.d.ts": "tsc", "tsconfig.json": "tsc", "biome.json": "biome", "*.dockerignore": "docker build",
	},
	Law: Law{
		Prefix: "github.com/tillseal/tillseal/",
		Floors: []Floor{
			{"shared", nil, "shared is the ground floor: it imports nothing of ours"},
			{"contracts", nil, "contracts stands alone: auditors build it without the engine"},
			{"services/gateway", []string{"shared/…"}, "services meet on the stream only, and a till is answered without the chain"},
			{"services/pricing", []string{"shared/…"}, "services meet on the stream only, and a price needs no chain"},
			{"services/anchor", []string{"shared/…", "contracts/…"}, "services meet on the stream only, and stand below the tools"},
			{"services/ledger", []string{"shared/…", "contracts/…"}, "services meet on the stream only, and stand below the tools"},
			{
				"infra/tools",
				[]string{"shared/…", "contracts/…", "services/gateway", "services/pricing", "services/anchor", "services/ledger"},
				"the tools come to a service by its door alone",
			},
		},
		Tests: []TestsOnly{
			{"github.com/tillseal/tillseal/shared/testkit", "shared/testkit", "testkit is for tests"},
			{"github.com/stretchr/testify", "shared/testkit", "testify is for tests"},
			{"github.com/go-jose/go-jose/v4", "", "go-jose is the tests' second opinion on shared/promise, which is small because it has one algorithm"},
			{"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest", "", "feedtest plays the price sources for tests"},
		},
	},
}
