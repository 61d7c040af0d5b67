# One command for each thing. Needs Python 3.11 or newer, git and make; everything else comes from the pinned lock.
#
#   make run      a whole moderation agency on this machine (Ctrl-C stops it, the data stays)
#   make test     the tests; ARGS='tests/kernel -k ids' picks some, WORKERS=0 runs them in one process
#   make check    what a change must pass: lint, format, types, layers, API documents, tests
#   make fmt      format, and mend what can be mended
#   make lock     renew the locks after a change in pyproject.toml; UPGRADE=--upgrade takes newer versions (needs uv)
#   make bench    the benchmarks
#   make chaos    every fault at full length, against real processes (the short ones are part of make test);
#                 SEED=7 repeats a run, RECORD=1 writes the figures into docs/reliability.md
#   make openapi  write openapi/ anew

.DEFAULT_GOAL := help

VENV ?= .venv
WORKERS ?= 2
UV ?= uv
UPGRADE ?=
ARGS ?=
SEED ?=
RECORD ?=
BIN := $(VENV)/bin

# The first of these that is new enough; `make run PYTHON=/opt/python/bin/python3` names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$name" && break; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
INSTALLED := $(VENV)/.installed

.PHONY: help run test check fmt lock bench chaos openapi install

help:
	@sed -n 's/^#   //p' Makefile

run: $(INSTALLED)
	@exec $(BIN)/veilleur dev

install: $(INSTALLED)

# The faults strike at processes of their own and want the machine to themselves: they come last, one at a time.
test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS) --ignore=tests/faults $(ARGS)
ifeq ($(ARGS),)
	$(BIN)/python -m pytest -n 0 tests/faults
endif

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/veilleur openapi --check
	$(MAKE) test

fmt: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: $(INSTALLED)
	VEILLEUR_CHAOS=full VEILLEUR_CHAOS_SEED=$(SEED) VEILLEUR_CHAOS_RECORD=$(RECORD) $(BIN)/python -m pytest -n 0 tests/faults $(ARGS)

openapi: $(INSTALLED)
	$(BIN)/veilleur openapi

bench: $(INSTALLED)
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

# Hashes of every platform's files and no index addresses: the locks install from any mirror, and from no other bytes.
PIN := $(UV) pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes --no-header --no-annotate -q
lock:
	$(PIN) $(UPGRADE) --extra build -o requirements.lock
	$(PIN) $(UPGRADE) --all-extras -o requirements-dev.lock

# pip takes no --require-hashes together with -e, hence two steps; the build backend is in the lock too.
$(INSTALLED): $(VENV)/.locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Wheels only: nothing is built here, and no package's own code runs while it is installed.
$(VENV)/.locked: requirements-dev.lock | $(BIN)/python
	@echo "Installing the pinned packages into $(VENV) (once; about a minute) …"
	@$(PIP) install --no-deps --only-binary :all: --require-hashes -r requirements-dev.lock
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV) || { echo "$(PYTHON) can't make virtual environments (Debian: apt install python3-venv)" >&2; exit 1; }
