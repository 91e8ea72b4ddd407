# Every verb works in a fresh clone: what it needs is installed first, into .venv, pinned by hash, and nowhere else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
SOURCES := auditor tests examples benchmarks fuzzing
ARGS ?=
export WORKERS

.PHONY: help demo test lint format validate bench fuzz examples clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/package ## Start a few listeners on loopback and audit them
	@examples/demo/run

test: .venv/package ## Run all tests, in namespaces of their own, with coverage
	@tests/run $(ARGS)

lint: .venv/package ## Check style, types, architecture and dependencies
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy examples/python/gate.py
	$(BIN)/lint-imports
	$(BIN)/deptry .
	@tools/check_pipelines $(BIN)
	@if command -v shellcheck >/dev/null; then set -x; shellcheck $$(git ls-files | xargs grep -lE '^#!/bin/(ba)?sh'); \
	else echo 'shellcheck is not installed: shell scripts were not checked'; fi

format: .venv/package ## Format the code and fix what can be fixed by itself
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

examples: .venv/package ## Write the expected files of the examples and the outputs on the pages anew
	AUDITOR_WRITE_EXPECTED=1 tests/isolated $(BIN)/python -m pytest -q tests/examples tests/docs

validate: .venv/package ## Hold SARIF and HTML reports against their validators (from npm, 150 MB; Node and Java)
	$(BIN)/python tools/validate_sarif.py
	$(BIN)/python tools/validate_html.py

bench: .venv/package ## Measure against other scanners, in network namespaces (minutes)
	@benchmarks/run $(ARGS)

fuzz: .venv/package ## Fuzz the parsers, a minute each: ARGS='compose --seconds 600' for one (needs Linux on x86-64)
	@fuzzing/run $(or $(ARGS),all)

clean: ## Remove everything that the other verbs made
	rm -rf .venv .demo .fuzz .coverage htmlcov dist build *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/requirements: requirements/dev.txt requirements/install
	@echo 'Installing the pinned requirements into .venv …'
	@requirements/install dev.txt
	@touch $@

.venv/package: .venv/requirements pyproject.toml
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
