# "make help" lists the targets.

GO      ?= go
FUZZTIME ?= 10m
SOAKTIME ?= 30m
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# The version is written by us; Go's own stamp fails in a work tree of another user.
export GOFLAGS := $(GOFLAGS) -buildvcs=false
LDFLAGS := -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help build test test-long test-clients test-bi test-pg18 lint lint-full fmt fuzz bench bench-sync bench-wire soak demo clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/metadb
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/metadb ./cmd/metadb

# Packages in which goroutines meet are tested with the race detector. It makes
# decoding ten times slower: tests with much data, whose names begin with TestBulk,
# and the models run without it. Random tests draw the same each time in make test, so
# that it is a change that fails it; test-long draws anew.
RACY := ./catalog ./cmd/... ./pgwire ./streamer ./testsql/instance ./testsql/kafka ./testsql/scenario
CALM = $(filter-out $(shell $(GO) list $(RACY)),$(shell $(GO) list ./...))
HEAVY := ^TestBulk|^Test[A-Za-z]*Model$$

test: export RAPID_SEED = 1
test: ## Vet, then run all tests; those of concurrent packages with the race detector
	$(GO) vet ./...
	$(GO) test -race -skip '$(HEAVY)' -timeout 20m $(RACY)
	RAPID_CHECKS=200 $(GO) test -run '$(HEAVY)' -timeout 20m ./streamer
	RAPID_CHECKS=200 $(GO) test -timeout 20m $(CALM)

test-long: ## Run all tests, the long ones too, with more of the random ones
	METADB_TEST_LONG=1 $(GO) test -race -skip '$(HEAVY)' -count=1 -timeout 120m ./...
	METADB_TEST_LONG=1 RAPID_CHECKS=20000 $(GO) test -run '$(HEAVY)' -count=1 -timeout 240m ./streamer ./warehouse

test-clients: ## Install drivers and migration tools, and run them through port 8550
	METADB_TEST_LONG=1 $(GO) test -count=1 -timeout 60m ./testsql/clients

test-bi: ## Install Apache Superset (800 MB), and use it through port 8550
	METADB_TEST_BI=1 $(GO) test -count=1 -timeout 40m ./testsql/clients -run TestSuperset

test-pg18: ## Run what depends on PostgreSQL on a packaged version 18
	METADB_TEST_PG_VERSION=18 $(GO) test -count=1 -timeout 20m ./pgwire ./catalog ./warehouse ./testsql/wire

fuzz: ## Fuzz decoder, names, grammar and relay, FUZZTIME each (10m)
	$(GO) test ./debezium -run '^$$' -fuzz FuzzDecode -fuzztime $(FUZZTIME)
	$(GO) test ./warehouse -run '^$$' -fuzz FuzzNames -fuzztime $(FUZZTIME)
	$(GO) test ./streamer -run '^$$' -fuzz FuzzRoute -fuzztime $(FUZZTIME)
	$(GO) test ./parser -run '^$$' -fuzz FuzzRewrite -fuzztime $(FUZZTIME)
	$(GO) test ./parser -run '^$$' -fuzz FuzzInside -fuzztime $(FUZZTIME)
	$(GO) test ./pgwire -run '^$$' -fuzz FuzzMessages -fuzztime $(FUZZTIME)

lint: ## Check style and common mistakes
	scripts/lint

lint-full: ## The same with golangci-lint, built when it is missing (about 2 minutes)
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

fmt: ## Format the code
	gofmt -w .

bench: build ## Measure the server against the least work; flags in BENCH=
	$(GO) build -o bin/broker ./testsql/broker/cmd/broker
	$(GO) build -o bin/bench ./testsql/bench
	bin/bench -metadb bin/metadb -broker bin/broker $(BENCH)

bench-sync: ## Measure a synchronization of METADB_BENCH_ROWS (1000000) rows beside plain ingestion
	$(GO) test ./warehouse -run '^$$' -bench BenchmarkSync -benchtime 1x -count=1 -timeout 60m

soak: build ## Load the server for SOAKTIME (30m): lag and memory must stay flat; flags in SOAK=
	$(GO) build -o bin/broker ./testsql/broker/cmd/broker
	$(GO) build -o bin/soak ./testsql/soak
	bin/soak -metadb bin/metadb -broker bin/broker -time $(SOAKTIME) $(SOAK)

bench-wire: build ## Measure port 8550 beside PostgreSQL and pgbouncer; flags in BENCH=
	$(GO) build -o bin/bench-wire ./testsql/bench/wire
	bin/bench-wire -metadb bin/metadb $(BENCH)

demo: build ## Run a complete pipeline with recorded data
	$(GO) build -o bin/demo ./testsql/demo
	bin/demo -metadb bin/metadb

clean: ## Remove what was built
	rm -rf bin
