# One command per intention. Needs Python 3.11 or newer, make and the package registries; the rest is made here.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/runtime.stamp
DEV := $(VENV)/dev.stamp
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
CHROMIUM := chromium chromium-browser google-chrome
PIP_COMPILE := $(VENV)/lock/bin/pip-compile --quiet --no-header --no-annotate --strip-extras --generate-hashes \
	--allow-unsafe --build-deps-for editable --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help setup run test check bench simulate chromium lock clean

help:
	@echo "make run     set up, and serve a demo clinic on this machine"
	@echo "make test    set up, and run every test (the browser tests need Chromium)"
	@echo "make check   ruff, mypy --strict, rules of direction"
	@echo "make bench   measure against raw limits of this machine"
	@echo "make simulate SEEDS=N   run N seeds of the simulation (default 500)"
	@echo "make setup   make .venv from the lock files"
	@echo "make lock    resolve the lock files anew from pyproject.toml"
	@echo "make clean   remove everything that was made, except the data in var/"

setup: $(DEV)

run: $(RUNTIME)
	@mkdir -p var
	@exec $(BIN)/python -m server serve --demo

test: $(DEV) chromium
	@$(BIN)/python -m pytest

check: $(DEV)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -q tests/rules

bench: $(DEV)
	@$(BIN)/python -m pytest -s tests/bench

SEEDS ?= 500
simulate: $(DEV)
	@$(BIN)/python -m tests.simulation.run --seeds $(SEEDS)

# A virtual environment belongs to its folder and its interpreter: copied, moved or orphaned, it is made anew.
ifneq ($(shell cat $(RUNTIME) 2>/dev/null),$(CURDIR))
.PHONY: $(RUNTIME)
else ifneq ($(shell $(BIN)/python -c "print('alive')" 2>/dev/null),alive)
.PHONY: $(RUNTIME)
endif

$(RUNTIME): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdfast needs Python 3.11 or newer: make PYTHON=/path/to/python3")'
	@echo "Making $(VENV) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@printf '%s' '$(CURDIR)' > $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Adding what the tests need ..."
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# Without Chromium and without the right to install it the browser tests are skipped, and say so; never in CI.
chromium:
	@for name in $(CHROMIUM); do command -v $$name >/dev/null && exit 0; done; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
		echo "Installing chromium ..."; \
		$$as_root apt-get -qq update >/dev/null && \
		DEBIAN_FRONTEND=noninteractive $$as_root apt-get -qq install -y --no-install-recommends chromium >/dev/null \
		&& exit 0; \
	fi; \
	echo "Chromium is not on the PATH and cannot be installed from here. Install it (Debian: apt-get install" \
	     "chromium) for the browser tests." >&2; \
	[ -z "$$CI" ]

lock: $(RUNTIME)
	@$(BIN)/python -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip --quiet --disable-pip-version-check install pip-tools
	@$(PIP_COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	@$(PIP_COMPILE) --upgrade --extra dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml

clean:
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
