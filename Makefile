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
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

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
