# Loktar. `make help` lists what there is.
SHELL := /bin/sh
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help demo test build image bench fuzz lint tools setup clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup build image ## Show a pull request checked by Loktar, on this machine alone
	@bin/loktar demo

test: setup image tools ## Vet, lint and test everything, with real Docker
	@.ci/test

build: ## Build bin/loktar
	@[ -e bin/loktar ] || echo 'building bin/loktar; the first time takes a minute'
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/loktar ./app/loktar

image: setup ## Build the image loktar/base, once
	@configs/image/build

bench: setup image ## Print how fast Loktar is beside the physical floor
	@.ci/bench

fuzz: ## Fuzz every parser, FUZZTIME each (30s when it is not set)
	@.ci/fuzz

lint: tools ## Lint
	@bin/tools/golangci-lint run

tools: ## Build the pinned development tools into bin/tools
	@mkdir -p bin/tools && go -C .ci/tools build -o ../../bin/tools/ tool

setup: ## Install and start what is missing: git, a Docker engine, mmdebstrap
	@.ci/setup

clean: ## Remove what the other targets made, but for images
	rm -rf bin
