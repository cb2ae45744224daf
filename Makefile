PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.locked

.PHONY: check test

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nop Luu needs Python 3.11 or newer")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q --require-hashes -r requirements.lock
	$(VENV)/bin/pip install -q --no-deps --no-build-isolation -e .
	touch $@

# Offline once the environment stands.
check: $(STAMP)
	$(VENV)/bin/pytest tests/unit
	@echo "Real components in this run: none (kernel and agency tool only). NOT RUN: PostgreSQL, SeaweedFS, MinIO, the services."

test: check
