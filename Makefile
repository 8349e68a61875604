# Needs git, make and a Python of 3.11 or newer; everything else goes into .venv.
# PYTHON=/path/to/python3 chooses the interpreter, otherwise tools/pick_python.sh does.

# The demonstration: about 30 seconds, fast enough that the surge is seen.
DEMO_SCENARIO ?= stimulus_2020
DEMO_SPEED ?= 60x
DEMO_USERS ?= 3000

PYTEST_ARGS ?=
# Two processes, each with whole files of tests; `make test SPREAD=` runs them in one.
SPREAD ?= -n 2 --dist loadfile --no-loadscope-reorder
BENCH_ARGS ?=
LOCK_ARGS ?=

SHELL := /bin/sh
PY := .venv/bin/python
CODE := hms_esr proxy replay scenarios scorecard stubs switchboard tests bench tools

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test leaks install check bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## Install the product, replay a recorded surge at the embedded sandbox for half a minute
	@tools/make_venv.sh product
	@.venv/bin/esr-replay $(DEMO_SCENARIO) --speed $(DEMO_SPEED) --users $(DEMO_USERS)

test: ## Install with the dev tools, run the whole test suite
	@tools/make_venv.sh dev
	@$(PY) -m pytest $(SPREAD) $(PYTEST_ARGS)

leaks: ## Try to reach a pretend production through every door, and count what arrives there
	@tools/make_venv.sh dev
	@$(PY) -m pytest tests/leaks $(PYTEST_ARGS)

install: ## Install the product and the dev tools, so that .venv/bin/esr runs
	@tools/make_venv.sh dev
	@echo "ready: .venv/bin/esr --help"

check: ## Lint, formatting and types
	@tools/make_venv.sh dev
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m ruff format --check $(CODE)
	@$(PY) -m mypy

bench: ## Measure the injector beside its peers on this machine
	@tools/make_venv.sh dev
	@$(PY) -m bench $(BENCH_ARGS)

lock: ## Rewrite both lock files from pyproject.toml (needs uv; LOCK_ARGS=--upgrade for newer)
	@tools/make_locks.sh $(LOCK_ARGS)

clean: ## Remove .venv and caches; runs in .esr are kept
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +
