# Everything people do here, one target each. The environment is .venv; stamp files inside it remember what was
# installed, so a target that has nothing to do says nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMPS := $(VENV)/.stamps
# Where uv puts packages; without it uv would look at an environment that happens to be active.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_NO_PROGRESS := 1

PYTEST_ARGS ?=
# The kind that the tests on a cluster use: the node of tests/cluster, or KIND=kind for the real one.
KIND ?=
CLUSTER_ARGS := $(if $(KIND),--kind-bin=$(KIND))
CLUSTER := $(or $(KIND),tests/cluster/kind)
CLUSTER_NAME ?= helios
CLUSTER_CONFIG := .cache/cluster/kubeconfig
BENCH_ARGS ?=
JS := scripts/javascript
ESLINT := $(JS)/node_modules/.bin/eslint --config $(JS)/eslint.config.js --no-error-on-unmatched-pattern --max-warnings 0 \
	crds worker operator cli examples $(JS)
DEMO ?= examples/launch/index.html

MAKEFLAGS += --no-print-directory
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test unit integration e2e attack-clock faults-repeat sound-positions damaged-sounds coverage lint types fmt crds fonts lock bench image cluster-up \
	cluster-down cluster-status clean system-packages system-packages-tests system-packages-cluster system-packages-s3 \
	system-packages-azure

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: system-packages $(STAMPS)/cli ## Install what rendering needs: system packages as root on Debian, then .venv
	@$(if $(filter setup,$(MAKECMDGOALS)),echo "Installed. To call heliosctl by its name: source $(BIN)/activate")

setup-dev: system-packages-tests system-packages-s3 system-packages-azure $(STAMPS)/dev $(JS)/node_modules/.package-lock.json tests/node_modules/.package-lock.json ## Install what the checks and tests need too

demo: setup ## Render the example to out/demo.mp4
	@mkdir -p out
	@$(BIN)/heliosctl render $(DEMO) -o out/demo.mp4
	@echo "The film is in $(CURDIR)/out/demo.mp4"

test: setup-dev ## Run every check and every test (PYTEST_ARGS="-k seek -x" narrows the tests)
	@$(MAKE) --jobs --output-sync lint types
	@scripts/test.sh $(BIN)/python "$(CLUSTER_ARGS)" $(PYTEST_ARGS)

unit: setup-dev ## Run the unit tests, in seconds
	@$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

integration: setup-dev ## Run the tests with real browsers, encoders and servers
	@$(BIN)/python -m pytest tests/integration --numprocesses=auto --dist=worksteal $(PYTEST_ARGS)

e2e: setup-dev system-packages-cluster ## Run the tests with a real cluster and the real images (KIND=kind takes the real kind)
	@$(BIN)/python -m pytest tests/e2e $(CLUSTER_ARGS) $(PYTEST_ARGS)

attack-clock: setup-dev ## Have a page redefine everything that the clock touches, one name after the other (10 minutes)
	@$(BIN)/python -m tests.integration.attacks.matrix $(ATTACK_ARGS)

faults-repeat: setup-dev ## Render pages ten times each on a busy machine: each must come to one outcome (FAULTS_ARGS="FOLDER --times 3")
	@$(BIN)/python -m tests.integration.repeat $(FAULTS_ARGS)

sound-positions: setup-dev ## Find clicks in films of ten minutes, however their pages play them, at four frame rates (10 minutes)
	@$(BIN)/python -m tests.integration.sound_positions $(SOUND_ARGS)

damaged-sounds: setup-dev ## Read sound files with random damage: each must be heard or refused, without a crash (a minute)
	@$(BIN)/python -m tests.integration.damaged_sounds $(SOUND_ARGS)

coverage: setup-dev ## Run the unit tests and show which lines they miss
	@$(BIN)/coverage run -m pytest tests/unit $(PYTEST_ARGS)
	@$(BIN)/coverage report --show-missing --skip-covered

lint: $(STAMPS)/dev $(JS)/node_modules/.package-lock.json ## Check style, format and the layers between packages
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run 'make fmt'."; exit 1; }
	@mkdir -p .cache
	@$(BIN)/lint-imports --cache-dir .cache/import-linter >.cache/import-linter.log 2>&1 || { cat .cache/import-linter.log; exit 1; }
	@$(ESLINT)

types: $(STAMPS)/dev $(JS)/node_modules/.package-lock.json ## Check types, of the virtual clock's JavaScript too
	@$(BIN)/mypy --no-error-summary
	@$(JS)/node_modules/.bin/tsc --project $(JS)

fmt: $(STAMPS)/dev $(JS)/node_modules/.package-lock.json ## Format the code and fix what can be fixed by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(ESLINT) --fix >/dev/null || true

crds: $(STAMPS)/dev ## Write crds/*.yaml from the models
	@$(BIN)/python scripts/crds.py crds charts/helios-operator/crds

fonts: scripts/fonts/node_modules/.package-lock.json $(STAMPS)/dev ## Bring the fonts of compositions into the worker anew, from npm
	@$(BIN)/python scripts/fonts/build.py

lock: $(STAMPS)/environment ## Pin requirements again after a change (UPGRADE=1 moves to newer versions)
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

bench: setup ## Compare renderers on the same pages (BENCH_ARGS are passed on)
	@bench/renderers/run $(BENCH_ARGS)

image: ## Build the images helios-worker:dev and helios-operator:dev from this checkout
	@$(PYTHON) tests/cluster/image

cluster-up: image ## Start a Kubernetes on this machine with the images in it (KIND=kind takes the real kind)
	@mkdir -p $(dir $(CLUSTER_CONFIG))
	@$(CLUSTER) create cluster --name=$(CLUSTER_NAME) --kubeconfig=$(CLUSTER_CONFIG)
	@for image in helios-worker:dev helios-operator:dev; do \
		$(CLUSTER) load docker-image --name $(CLUSTER_NAME) $$image; done
	@echo "export KUBECONFIG=$(CURDIR)/$(CLUSTER_CONFIG)"

cluster-down: ## Remove what cluster-up started
	@$(CLUSTER) delete cluster --name=$(CLUSTER_NAME) --kubeconfig=$(CLUSTER_CONFIG)

cluster-status: ## Show the cluster's components, nodes and pods
	@tests/cluster/kind status

clean: ## Remove the environment, caches and renders
	@rm -rf $(VENV) .cache .hypothesis .pytest_cache .ruff_cache .mypy_cache .import_linter_cache dist out tests/node_modules $(JS)/node_modules .pytest-kind
	@find crds worker adapters operator cli tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- how the environment is made --------------------------------------------------------------------------------

system-packages:
	@PYTHON=$(PYTHON) scripts/system-packages.sh

system-packages-tests:
	@PYTHON=$(PYTHON) scripts/system-packages.sh tests

system-packages-s3:
	@scripts/s3-server.sh

system-packages-azure:
	@scripts/azure-server.sh

system-packages-cluster:
	@$(if $(KIND),,$(PYTHON) tests/cluster/build --if-able)

# First uv and the build backend, from pins and hashes alone.
$(STAMPS)/environment: requirements/build.txt | system-packages
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, $(PYTHON) is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 ...")'
	@[ -x $(BIN)/python ] || { echo "Making .venv"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/build.txt
	@mkdir -p $(STAMPS) .cache
	@touch $@

# $(call install,NAME): the pinned packages of requirements/NAME.txt, then this checkout itself, editable. Bytecode is
# made here: where PYTHONDONTWRITEBYTECODE is set, every start would compile pydantic again (0.65 s against 0.23 s).
define install
	@echo "Installing requirements/$(1).txt into .venv"
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements/$(1).txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q crds worker adapters operator cli
	@touch $@
endef

$(STAMPS)/cli: $(STAMPS)/environment requirements/cli.txt pyproject.toml
	$(call install,cli)

# dev.txt holds all of cli.txt, at the same versions.
$(STAMPS)/dev: $(STAMPS)/environment requirements/dev.txt pyproject.toml
	$(call install,dev)
	@touch $(STAMPS)/cli

# Without the packages' own scripts.
define npm_install
	@echo "Installing $(1)"
	@cd $(<D) && npm ci --ignore-scripts --silent
	@touch $@
endef

tests/node_modules/.package-lock.json: tests/package-lock.json tests/package.json | system-packages-tests
	$(call npm_install,the libraries of the test pages)

scripts/fonts/node_modules/.package-lock.json: scripts/fonts/package-lock.json scripts/fonts/package.json | system-packages-tests
	$(call npm_install,the fonts of compositions)

$(JS)/node_modules/.package-lock.json: $(JS)/package-lock.json $(JS)/package.json | system-packages-tests
	$(call npm_install,eslint and tsc)
