# The real servers that the tests use are fetched into a cache outside the tree: TRACESLO_CACHE, or traceslo in the
# user's cache folder. internal/testenv/cmd does it; this file only names what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

TESTENV    := go run ./internal/testenv/cmd
PACKAGES   ?= ./...
FUZZTIME   ?= 10s
CONTAINERS ?= docker

.PHONY: help
help: ## Say what can be made.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the traceslo binary into this folder.
	go build -ldflags "-X github.com/prometheus/common/version.Version=$$(git describe --tags --always --dirty)" -o traceslo ./cmd/traceslo

.PHONY: image
image: ## Build the image with docker, or CONTAINERS=podman.
	$(CONTAINERS) build --file deploy/Dockerfile --tag traceslo:0.1.0 \
		--build-arg VERSION=$$(git describe --tags --always --dirty) --build-arg REVISION=$$(git rev-parse HEAD) .

.PHONY: test
test: ## Run all tests, with real servers. PACKAGES=./source/... for some.
	$(TESTENV) test -race -shuffle=on -timeout=40m $(PACKAGES)

.PHONY: servers
servers: ## Keep the servers up for go test in another shell, until interrupted.
	$(TESTENV) serve

.PHONY: bench
bench: ## Run all benchmarks.
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

# What is measured beside others takes long, wants the machine for itself and is never part of CI. BENCH='-spans=100000'
# makes it smaller; BENCH='-help' tells the rest.
MEASURE = go test ./internal/bench -count=1 -timeout=0 -v -run

.PHONY: bench-peers
bench-peers: ## Measure traceslo beside a spanmetrics connector, Jaeger's own and the raw requests, into docs/benchmarks.
	$(MEASURE) '^TestPeers$$' -args -peers -out=docs/benchmarks $(BENCH)

.PHONY: bench-growth
bench-growth: ## Measure what grows with spans, operations, objectives, shards and indices.
	$(MEASURE) '^TestGrowth$$' -args -growth -out=docs/benchmarks $(BENCH)

.PHONY: bench-soak
bench-soak: ## Run half an hour at full speed and watch the memory.
	$(MEASURE) '^TestSoak$$' -args -soak -out=docs/benchmarks $(BENCH)

.PHONY: bench-earliest
bench-earliest: ## Store ten million spans and read them all. BENCH='-data=folder' keeps them for another time.
	$(MEASURE) '^TestEarliest$$' -args -earliest -spans=10000000 -out=docs/benchmarks $(BENCH)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME.
	go list -f '{{.Dir}}' $(PACKAGES) | while read -r dir; do
		cd "$$dir"
		{ grep -hos '^func Fuzz[A-Za-z0-9_]*' -- *_test.go || true; } | sed 's/^func //' | while read -r target; do
			echo "$$dir: $$target"
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) . </dev/null
		done
	done

.PHONY: lint
lint: ## Check the format and the code.
	unformatted=$$(gofmt -l .)
	if [ -n "$$unformatted" ]; then echo "gofmt -w: $$unformatted"; exit 1; fi
	go vet $(PACKAGES)
	staticcheck=$$($(TESTENV) tool staticcheck)
	"$$staticcheck" $(PACKAGES)
	golangci=$$($(TESTENV) tool golangci-lint)
	"$$golangci" run --allow-parallel-runners $(PACKAGES)
