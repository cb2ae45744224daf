# Everything a newcomer types. Needs Python 3.11 or newer and make; the network only for the first install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
GO ?= go
MINIO := github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
LITEWITNESS := filippo.io/torchwood/cmd/litewitness@v0.9.0

ONCE ?=
STORE ?=
STATE ?=
ONLY ?=
SCALE ?=

.DEFAULT_GOAL := help
.PHONY: help run test check minio witness bench soak openapi format clean

help: ## what can be typed
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nop Luu needs Python 3.11 or newer (make PYTHON=python3.12 ...)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked environment into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## the whole gateway on this machine; ONCE=1 proves it and exits, STORE=minio, STATE=folder
	@ONCE='$(ONCE)' STORE='$(STORE)' STATE='$(STATE)' exec $(BIN)/python -m deploy.onebox

check: $(STAMP) ## format, types, imports, fast tests: offline, under a minute
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -n auto --maxprocesses 4 --disable-socket --allow-unix-socket tests/unit tests/architecture

test: check ## every tier that this machine can run
	@$(BIN)/pytest tests/contract tests/integration tests/faults tests/e2e

minio: ## build a MinIO server from the Go module proxy (about two minutes)
	@if command -v $(GO) >/dev/null 2>&1; then \
	    test -x build/bin/minio && echo "build/bin/minio stands." \
	    || { mkdir -p build/bin && echo "Building $(MINIO) ..." && GOBIN="$(CURDIR)/build/bin" $(GO) install $(MINIO); }; \
	else \
	    echo '*** MinIO NOT BUILT: there is no Go here. What needs MinIO will say that it did not run. ***'; \
	fi

witness: ## build litewitness, a C2SP witness that we did not write (about a minute)
	@if command -v $(GO) >/dev/null 2>&1; then \
	    test -x build/bin/litewitness && echo "build/bin/litewitness stands." \
	    || { mkdir -p build/bin && echo "Building $(LITEWITNESS) ..." && GOBIN="$(CURDIR)/build/bin" $(GO) install $(LITEWITNESS); }; \
	else \
	    echo '*** litewitness NOT BUILT: there is no Go here. What needs it will say that it did not run. ***'; \
	fi

bench: $(STAMP) ## ratios beside the same store driven directly
	@$(BIN)/python -m tests.bench

soak: $(STAMP) ## what takes longer than a check can bear: 100,000 re-wraps, a component of 10 GiB; ONLY=part, SCALE=fraction
	@$(BIN)/python -m tests.soak $(if $(ONLY),--only $(ONLY)) $(if $(SCALE),--scale $(SCALE))

openapi: $(STAMP) ## write openapi/ and the generated documents anew
	@$(BIN)/python -m deploy.documents

format: $(STAMP) ## format and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

clean: ## forget what was built; the environment and .nopluu stay
	@rm -rf build .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache *.egg-info
	@find services tests deploy migrations -name __pycache__ -type d -prune -exec rm -rf {} +
