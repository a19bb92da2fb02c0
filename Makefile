# Tillseal. `make` lists the targets.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
.PHONY: help run verify bench test test-go test-contracts test-web web tools lint tidy fmt generate clean

MODULES := shared contracts services/gateway services/pricing services/anchor services/ledger infra/tools
PACKAGES := $(MODULES:%=./%/...)
WEB := services/gateway/web
BIN := $(CURDIR)/.tools/bin
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
# A cold compile of go-ethereum and nats-server with the race detector is part of it; warm it takes minutes.
TEST_TIMEOUT := 25m

# Shows that a long compile moves: go build -v names a package a line.
PROGRESS := awk '/\.go:[0-9]+:[0-9]+:|^\# / || (/^go: / && !/^go: (downloading|finding)/) { print; fflush(); next } { n++; if (n % 25 == 0) { printf "  compiled %d packages\n", n; fflush() } }'

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

run: need-go ## bring the whole engine up here, sell, anchor and verify; Ctrl-C stops it
	@mkdir -p .run/bin
	@echo "building the engine (the first time it compiles go-ethereum, which takes minutes)"
	@GOFLAGS= go build -v -o .run/bin/dev ./infra/tools/cmd/dev 2>&1 | $(PROGRESS)
	@exec .run/bin/dev

verify: need-go ## verify a proof: make verify PROOF=proof.json (RPC from .run/env or WEB3_PROVIDER)
	@if [ -z "$$WEB3_PROVIDER" ] && [ -f .run/env ]; then . .run/env; fi; go run ./infra/tools/cmd/verify -rpc "$$WEB3_PROVIDER" $(or $(PROOF),-)

bench: need-go ## measure the gateway against pgbench; never part of CI (make bench ARGS='-preload 5000000')
	@go run ./infra/tools/cmd/bench $(ARGS)

test: need-go tools test-go test-contracts test-web ## run every test on real servers, with the race detector

# GOGC=300 collects garbage less often: compiling takes a fifth less work. atexit_sleep_ms=0 spares each test binary the second that the
# race detector waits at its end. Either is left as it is when it is set already. `make lint` runs go vet.
test-go: export GOGC ?= 300
test-go: export GORACE ?= atexit_sleep_ms=0
test-go: need-go
	@echo "go test -race in all modules (Postgres, Redis, NATS and a chain are started by the tests)"
	go test -race -vet=off -timeout $(TEST_TIMEOUT) $(PACKAGES)

test-contracts: tools
	cd contracts && npm run --silent test && npm run --silent test:js && npm run --silent lint

# That what is checked in is what the sources make is one of its tests.
test-web: tools
	cd $(WEB) && npm run --silent check && npm run --silent lint && npm run --silent test

web: tools ## bundle the receipts' page, infra/verify.html and the verifier's npm package
	cd $(WEB) && npm run --silent build

NPM_FOLDERS := contracts $(WEB)

tools: $(NPM_FOLDERS:%=%/node_modules/.package-lock.json) ## install the npm tools of the contracts and of the receipts' page

$(NPM_FOLDERS:%=%/node_modules/.package-lock.json): %/node_modules/.package-lock.json: %/package-lock.json %/package.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or later (Debian: apt-get install nodejs npm)" >&2; exit 1; }
	@echo "installing the npm tools of $*"
	cd $* && npm ci --no-audit --no-fund
	@touch $@

lint: need-go tidy $(GOLANGCI) ## hold the tree to the house rules, build each module by itself, vet and lint everything
	@for m in $(MODULES); do echo "build $$m by itself"; (cd $$m && GOWORK=off go build ./... && GOWORK=off go vet ./... && GOWORK=off go mod tidy -diff) || exit 1; done
	$(GOLANGCI) run $(PACKAGES)
	$(GOLANGCI) fmt --diff $(MODULES)

tidy: need-go ## hold the tree to the house rules alone, which takes a second
	go run ./infra/tools/cmd/tidy

$(GOLANGCI):
	@echo "installing golangci-lint $(GOLANGCI_VERSION) (compiled here, which takes minutes)"
	@mkdir -p $(BIN)
	@GOBIN=$(BIN) GOFLAGS= GOWORK=off go install -v github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) 2>&1 | $(PROGRESS)
	@mv $(BIN)/golangci-lint $@

fmt: $(GOLANGCI) tools ## format all Go, Solidity and TypeScript
	$(GOLANGCI) fmt $(MODULES)
	cd contracts && ./tools/forge fmt
	cd $(WEB) && npm run --silent format

generate: need-go tools ## compile the contract anew and regenerate its Go binding; write infra/nats's streams and durables
	cd contracts && npm run --silent generate
	go run ./infra/tools/cmd/topology

clean: ## forget .run (all data of make run) and the built tools
	rm -rf .run .tools

.PHONY: need-go
need-go:
	@command -v go >/dev/null || { echo "Go is missing: install Go 1.26 or later from your distribution or go.dev" >&2; exit 1; }
