# The commands to know. Each prepares what it needs; none needs anything installed by hand
# beyond Python 3.11+ (and, on Debian, make).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
AGENT := .venv-agent
BIN := $(VENV)/bin
# One test file at a time on each core; the servers of a core are its own.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile
# What runs on either twin: with the compiled one where it is there, and in any case without.
EITHER_WAY := tests/conformance tests/live/test_drivers.py tests/promises/test_2_tap_digests.py \
    tests/promises/test_3_full_journal_disk.py
export PYTHON
# Another order of sets each time, and the same one for tests that run side by side.
export PYTHONHASHSEED := $(shell echo $$RANDOM)
# Compiling every module anew at each start of a gateway would take seconds, each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: console screenshots help demo test check fix docs live slow bench fuzz lock clean native prepare servers agents

help:  ## Show these commands
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

demo:  ## An AutoGen agent works through the gateway (ASK=1: you approve; KEEP=1: leave it up)
	@echo "vedette demo: preparing two environments, the gateway's and the agent's"
	@if [ -x $(BIN)/pytest ]; then .ci/venv $(VENV) requirements/test.txt --package; \
	 else .ci/venv $(VENV) requirements/demo.txt --package; fi & first=$$!; \
	 .ci/venv $(AGENT) requirements/agent.txt; wait $$first
	@exec $(BIN)/vedette demo --agent-python $(AGENT)/bin/python $(if $(ASK),--ask) $(if $(KEEP),--keep)

prepare:
	@echo "preparing"
	@.ci/venv $(VENV) requirements/test.txt --package

servers:
	@.ci/packages "live tests over TLS, SCRAM-SHA-256-PLUS and client certificates" \
	    "postgresql=/usr/lib/postgresql/*/bin/postgres"
	@.ci/packages "live tests over SSH" openssh-server=/usr/sbin/sshd openssh-client=ssh less=less tmux=tmux \
	    rsync=rsync git=git
	@.ci/packages "live tests with kubectl" kubernetes-client=kubectl
	@.ci/packages "the sign-in pages in a real browser, and logins by a second OpenID provider" \
	    chromium=chromium glewlwyd=glewlwyd \
	    dbconfig-no-thanks=/usr/share/doc/dbconfig-no-thanks/copyright

# Each example has an environment of its own: frameworks and the gateway need different versions of the same.
# So have the programs that tests drive (Ansible, paramiko), of which nothing may end up in the gateway.
agents:
	@.ci/venv $(AGENT) requirements/agent.txt
	@.ci/venv $(AGENT)-framework requirements/agent-framework.txt
	@.ci/venv $(AGENT)-langgraph requirements/langgraph.txt
	@.ci/venv .venv-tools requirements/tools.txt

native: prepare  ## Build the compiled twin of the hot path (needs cargo; make test and bench do so by themselves)
	@.ci/native $(VENV) --must
	@$(BIN)/vedette version

test: prepare servers agents  ## Lint, types and every test: exactly what CI runs
	@echo "lint"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@echo "types"
	@$(BIN)/mypy --no-error-summary
	@.ci/native $(VENV)
	@echo "console"
	@.ci/console test
	@echo "tests"
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow" $(ARGS)
	@! $(BIN)/python -c "import vedette_native" 2>/dev/null || { \
	    echo "the same in pure Python, where that makes a difference"; \
	    VEDETTE_PURE=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) -q -m "not slow" $(EITHER_WAY) $(ARGS); }

check: test  ## The same as test

fix: prepare  ## Format and repair what the linter can
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check .

live: prepare servers agents  ## Only the tests that drive real servers and clients
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m live $(ARGS)

slow: prepare servers  ## What takes long: a thousand races, hundreds of kills
	@$(BIN)/python -m pytest -m slow $(ARGS)

fuzz: prepare  ## Fuzz the decoders for MINUTES (default 10)
	@.ci/native $(VENV)
	@VEDETTE_FUZZ_SECONDS=$$(( $${MINUTES:-10} * 60 )) $(BIN)/python -m pytest -m fuzz -p no:randomly \
	    $(ARGS)

bench: prepare servers  ## Ratios beside direct, pgbouncer and ProxyJump (FULL=1: the long form)
	@.ci/packages "the comparison with pgbouncer" pgbouncer=/usr/sbin/pgbouncer
	@.ci/native $(VENV)
	@.ci/packages "the comparison with haproxy" haproxy=/usr/sbin/haproxy nginx-light=/usr/sbin/nginx wrk=wrk
	@$(BIN)/python -m tests.bench $(if $(FULL),--full) $(ARGS)

console:  ## Build the console into the package (needs Node.js 20 or newer)
	@.ci/console build

screenshots: prepare console  ## A picture of every page of the console, light, dark, telephone (FOLDER=docs/images)
	@$(BIN)/python -m tests.console.shots $${FOLDER:-build/screenshots}

docs: prepare  ## Generate the pages that come from the code
	@$(BIN)/python docs/generate.py

lock: prepare  ## Write requirements/*.txt anew, nothing younger than four days
	@.ci/lock $(VENV)/uv

clean:  ## Remove what the commands above made
	@rm -rf console/node_modules src/vedette/console
	@rm -rf $(VENV) $(AGENT) $(AGENT)-* .venv-tools .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
